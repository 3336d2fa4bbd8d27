"""What the device reaches beside the kernels: matrix product, copy, dense attention of PyTorch, and FlashMoBA where its
package is there. peers.py FILE writes one JSON object per line. Without PyTorch or a device it says so and ends well."""

import importlib.util
import json
import sys

HEADS, HEAD_DIM = 16, 128
DENSE_TOKENS = [8192, 32768, 131072]
SPARSE = [(8192, 128, 8), (32768, 128, 8), (131072, 128, 8), (524288, 128, 8), (32768, 512, 3), (131072, 512, 3)]


def median_ms(torch, run, most_seconds=2.0):
    """Median by CUDA events, each run after a write that empties the second-level cache."""
    flush = torch.empty(64 << 20, dtype=torch.int32, device="cuda")
    for _ in range(3):
        run()
    times, spent = [], 0.0
    while len(times) < 5 or (len(times) < 30 and spent < most_seconds * 1e3):
        flush.zero_()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
        spent += times[-1]
    return sorted(times)[len(times) // 2]


def ceilings(torch, write):
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    ms = median_ms(torch, lambda: a @ b)
    write(name="matmul", ms=ms, tflops=2 * 8192**3 / ms / 1e9)
    source = torch.empty(4 << 30, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    ms = median_ms(torch, lambda: target.copy_(source))
    write(name="copy", ms=ms, tbs=2 * source.numel() / ms / 1e9)


def dense(torch, write):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    for tokens in DENSE_TOKENS:
        q, k, v = (torch.randn(1, HEADS, tokens, HEAD_DIM, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        for backend in ("FLASH_ATTENTION", "CUDNN_ATTENTION"):
            def run():
                with sdpa_kernel(getattr(SDPBackend, backend)):
                    torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

            write(name=backend.lower(), tokens=tokens, ms=median_ms(torch, run),
                  gflop=2e-9 * HEADS * HEAD_DIM * tokens * (tokens + 1))


def flash_moba(torch, write):
    if importlib.util.find_spec("flash_moba") is None:
        print("no package flash_moba: FlashMoBA is left out")
        return
    from flash_moba import flash_moba_varlen_func

    for tokens, block_size, top_k in SPARSE:
        q, k, v = (torch.randn(tokens, HEADS, HEAD_DIM, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        ends = torch.tensor([0, tokens], device="cuda", dtype=torch.int32)
        ms = median_ms(torch, lambda: flash_moba_varlen_func(q, k, v, ends, ends, tokens, tokens, block_size, top_k,
                                                             causal=True))
        write(name="flash_moba", tokens=tokens, block_size=block_size, top_k=top_k, ms=ms)


def main():
    with open(sys.argv[1], "w") as file:
        def write(**values):
            print(values, flush=True)
            file.write(json.dumps(values) + "\n")
            file.flush()

        if importlib.util.find_spec("torch") is None:
            print("no PyTorch: matrix product, copy and dense attention are left out")
            return 0
        import torch

        if not torch.cuda.is_available():
            print("PyTorch sees no CUDA device: matrix product, copy and dense attention are left out")
            return 0
        write(name="device", text=torch.cuda.get_device_name(), torch=torch.__version__)
        failed = 0
        for measure in (ceilings, dense, flash_moba, ceilings):  # the ceilings once more, after the device got warm
            try:
                measure(torch, write)
            except Exception as error:  # one peer that cannot run does not take the others along
                print(f"{measure.__name__}: {type(error).__name__}: {error}")
                failed += 1
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
