"""benchmark.py with a program in the place of moba_gpu_bench, and without a device."""

import os
import stat
import sys
import tempfile
import unittest

import benchmark

# Answers a case; one of 7 tokens ends it.
FAKE = """#!{python}
import sys
for line in sys.stdin:
    tokens, heads, block_size, top_k = map(int, line.split(","))
    if tokens == 7:
        sys.exit("no memory for seven")
    print("a word before")
    print('{{"tokens": %d, "attend_ms": 2.5}}' % tokens, flush=True)
"""


class Device:
    """In the place of peers.Peers."""

    def __init__(self):
        self.rate = 0

    def matmul_tflops(self):
        self.rate += 1
        return self.rate

    def dense_ms(self, backend, tokens, heads):
        if backend == "FLASH_ATTENTION":
            raise ValueError("not here")
        return 10 * tokens

    def flash_moba_ms(self, tokens, heads, block_size, top_k):
        return None

    def release(self):
        pass


class BenchmarkTest(unittest.TestCase):
    def run_steps(self, steps, device):
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "fake")
            with open(program, "w") as file:
                file.write(FAKE.format(python=sys.executable))
            os.chmod(program, stat.S_IRWXU)
            benchmark.run(steps, benchmark.Bench(program, 0), device, rows.append)
        return rows

    def test_each_case_has_the_matrix_rate_measured_before_it(self):
        rows = self.run_steps([("moba4j", 5, 1, 0, 0), ("moba4j", 6, 1, 64, 2)], Device())
        self.assertEqual([(row["tokens"], row["attend_ms"], row["matmul_tflops"]) for row in rows],
                         [(5, 2.5, 1), (6, 2.5, 2)])

    def test_case_that_ends_the_program_is_noted_and_the_others_go_on(self):
        rows = self.run_steps([("moba4j", 7, 1, 0, 0), ("moba4j", 6, 1, 0, 0)], None)
        self.assertEqual(rows[0], {"name": "moba4j", "tokens": 7, "heads": 1, "block_size": 0, "top_k": 0,
                                   "error": "RuntimeError: no memory for seven (exit status 1)"})
        self.assertEqual((rows[1]["tokens"], rows[1]["matmul_tflops"]), (6, None))

    def test_others_are_measured_where_they_are(self):
        steps = [("cudnn_attention", 5, 1, 0, 0), ("flash_attention", 5, 1, 0, 0), ("flash_moba", 5, 1, 64, 2)]
        dense = {"tokens": 5, "heads": 1, "block_size": 0, "top_k": 0}
        self.assertEqual(self.run_steps(steps, Device()),
                         [{"name": "cudnn_attention", **dense, "ms": 50},
                          {"name": "flash_attention", **dense, "error": "ValueError: not here"}])
        self.assertEqual(self.run_steps(steps, None), [])

    def test_nothing_is_measured_twice(self):
        rows = self.run_steps([("moba4j", 5, 1, 0, 0), ("moba4j", 5, 1, 0, 0)], None)
        self.assertEqual(len(rows), 1)

    def test_cases_are_all_there_and_targets_come_first(self):
        steps = list(dict.fromkeys(benchmark.steps()))
        ours = [step[1:] for step in steps if step[0] == "moba4j"]
        self.assertEqual(ours[:5], [(8192, 16, 128, 8), (65536, 16, 128, 8), (524288, 16, 128, 8),
                                    (1048576, 16, 128, 8), (1048576, 16, 4096, 12)])
        self.assertEqual(len(ours), 8 * 7 * 2)
        self.assertLess(steps.index(("cudnn_attention", 1048576, 16, 0, 0)), 16)
        self.assertEqual({step[3] for step in steps}, {0, 64, 128, 256, 512, 2048, 4096})


if __name__ == "__main__":
    unittest.main()
