"""benchmark.py RESULTS [--quick]: measures the most important first, so that what stops early has most of what matters.

RESULTS gets one JSON object a line, as soon as it is known:
  {"name": "moba4j", "tokens", "heads", "head_dim", "block_size", "top_k", "route_ms", "attend_ms", "useful_gflop",
   "copy_tbs", "runs", "kernels", "matmul_tflops"}
                                             attend_ms includes routing; block_size 0 is full attention; kernels: who
                                             computed, as moba_plan_get_info says
  {"name": "cudnn_attention" or "flash_attention" or "flash_moba", "tokens", "heads", "block_size", "top_k", "ms"}
  {"name", "tokens", "heads", "block_size", "top_k", "error"}
The matrix product is PyTorch's, bf16, right before the case; without PyTorch it is null. --quick: small shapes, for a
rehearsal.
"""

import json
import os
import subprocess
import sys

import peers

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "moba_gpu_bench")
LENGTHS = [1024 * length for length in (8, 16, 32, 64, 128, 256, 512, 1024)]
MILLION = LENGTHS[-1]
DENSE = (0, 0)
# Block size and blocks read: the fine ones of FlashMoBA, the coarse ones of the MoBA paper.
SPARSE = [(128, 8), (512, 3), (4096, 12), (64, 16), (2048, 3), (256, 4)]


def moba(tokens, heads, choice):
    return "moba4j", tokens, heads, *choice


def steps():
    """(name, tokens, heads, block size, top-k) of everything, the most important first, nothing twice."""
    # The targets: FlashMoBA's published lengths, and cuDNN at one million tokens.
    for tokens in (8192, 65536, 524288):
        yield "flash_moba", tokens, 16, 128, 8
        yield moba(tokens, 16, (128, 8))
    yield moba(MILLION, 16, (128, 8))
    yield moba(MILLION, 16, (4096, 12))
    for tokens in (32768, 131072, MILLION):
        yield "cudnn_attention", tokens, 16, *DENSE
        yield moba(tokens, 16, DENSE)
    # How each choice grows; then what others do.
    for heads in (16, 1):
        for choice in [*SPARSE, DENSE]:
            for tokens in LENGTHS:
                yield moba(tokens, heads, choice)
    for tokens in LENGTHS:
        yield "cudnn_attention", tokens, 16, *DENSE
        yield "flash_attention", tokens, 16, *DENSE
    for choice in SPARSE:
        for tokens in LENGTHS:
            yield "flash_moba", tokens, 16, *choice


def quick_steps():
    for choice in (DENSE, (64, 3)):
        yield moba(512, 1, choice)


class Bench:
    """moba_gpu_bench, which is given case after case; after one that ended it, it is started again."""

    def __init__(self, program, seconds):
        self.command = [program, "--seconds", str(seconds), "-"]
        self.process = None

    def measure(self, tokens, heads, block_size, top_k):
        """What it prints of a case; RuntimeError with its last words if that ended it."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True)
        said = "nothing was said"
        try:
            self.process.stdin.write(f"{tokens},{heads},{block_size},{top_k}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
            said = line.strip()
        status = self.close()
        raise RuntimeError(f"{said} (exit status {status})")

    def close(self):
        """The exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.stdin.close()
        process.stdout.close()
        return process.wait()


def measure(step, bench, device):
    """A result, or None where there is nobody to measure."""
    name, tokens, heads, block_size, top_k = step
    if name == "moba4j":
        rate = device.matmul_tflops() if device else None
        if device:
            device.release()
        return {**bench.measure(tokens, heads, block_size, top_k), "matmul_tflops": rate}
    if device is None:
        return None
    if name == "flash_moba":
        ms = device.flash_moba_ms(tokens, heads, block_size, top_k)
    else:
        ms = device.dense_ms(name.upper(), tokens, heads)
    return None if ms is None else {"ms": ms}


def run(all_steps, bench, device, write):
    """Writes a row for each step that somebody can measure."""
    for step in dict.fromkeys(all_steps):
        case = dict(zip(("name", "tokens", "heads", "block_size", "top_k"), step))
        try:
            result = measure(step, bench, device)
        except Exception as error:  # a case that cannot run does not take the others along
            result = {"error": f"{type(error).__name__}: {error}"}
        if result is not None:
            write({**case, **result})
    bench.close()


def main():
    device = peers.found()
    if isinstance(device, str):
        print(device)
        device = None
    quick = "--quick" in sys.argv
    with open(sys.argv[1], "w") as file:
        def write(row):
            print(json.dumps(row), flush=True)
            file.write(json.dumps(row) + "\n")
            file.flush()

        run(quick_steps() if quick else steps(), Bench(BENCH, 0 if quick else 1), device, write)


if __name__ == "__main__":
    main()
