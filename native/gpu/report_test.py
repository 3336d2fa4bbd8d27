"""report.py on results that are known."""

import tempfile
import unittest

import report

# At 1000 TFLOP/s and 4 TB/s.
RATES = {"matmul_tflops": 1000.0, "copy_tbs": 4.0}


def row(tokens, block_size, top_k, attend_ms, useful_gflop, heads=16):
    return {"name": "moba4j", "tokens": tokens, "heads": heads, "head_dim": 128, "block_size": block_size, "top_k": top_k,
            "route_ms": 0.1, "attend_ms": attend_ms, "useful_gflop": useful_gflop, "runs": 5, **RATES}


class ReportTest(unittest.TestCase):
    def test_dense_floor_is_the_matrix_rate(self):
        self.assertEqual(report.floors(row(8192, 0, 0, 1, 500)), (0.0, 0.5))
        self.assertAlmostEqual(report.share(row(8192, 0, 0, 2, 500)), 0.25)

    def test_sparse_floor_is_scores_and_the_larger_of_flop_and_bytes(self):
        routing, attention = report.floors(row(8192, 128, 8, 1, 1))
        self.assertAlmostEqual(routing, 1e-12 * 2 * 128 * 16 * 8192 * 64 / 2)
        self.assertAlmostEqual(attention, 1e-9 * 16 * 8192 * (7 * 824 + 1024) / 4)
        self.assertEqual(report.floors(row(8192, 128, 8, 1, 5000))[1], 5)

    def test_nothing_is_routed_where_all_blocks_are_read(self):
        self.assertEqual(report.floors(row(8192, 4096, 12, 1, 1))[0], 0)

    def test_missing_rate_is_replaced_and_said(self):
        unknown = {**row(8192, 0, 0, 1, 790), "matmul_tflops": None}
        self.assertEqual(report.floors(unknown)[1], 1)
        self.assertIn("790 TFLOP/s, of an H200 on another day", report.report([unknown])[0])

    def test_failures_come_before_misses_and_both_in_their_order(self):
        failed = {"name": "moba4j", "tokens": 1024, "heads": 1, "block_size": 0, "top_k": 0, "error": "E: no"}
        lines = report.report([row(16384, 0, 0, 10, 100), failed, row(8192, 0, 0, 1, 900), row(1000, 0, 0, 10, 9, 1)])
        self.assertEqual([line for line in lines if line.startswith(("failed", "missed"))],
                         ["failed: 1K dense 1 head, moba4j: E: no",
                          "missed: 16K dense 16 heads: 1.0% of the roofline, target 70%",
                          "missed: 1000 dense 1 head: 0.1% of the roofline, target 70%"])
        self.assertTrue(any(line.startswith("8K dense") and line.endswith("1 of 1 reached") for line in lines))

    def test_speed_over_others_is_of_what_was_measured_or_published(self):
        def sentences(ms, peers, tokens=8192, block_size=128, top_k=8, heads=16):
            verdicts = list(report.verdicts(row(tokens, block_size, top_k, ms, 1, heads), peers))
            return [(reached, text.split(": ")[1]) for reached, text in verdicts[1:]]

        published = "times FlashMoBA as published for an H100 (1.85 ms), target 6"
        self.assertEqual(sentences(0.3, []), [(True, f"6.2 {published}")])
        self.assertEqual(sentences(0.5, []), [(False, f"3.7 {published}")])
        peer = {"name": "flash_moba", "tokens": 8192, "block_size": 128, "top_k": 8, "ms": 2.0}
        self.assertEqual(sentences(0.5, [peer]), [(False, "4.0 times FlashMoBA (2.00 ms), target 6")])
        self.assertEqual(sentences(0.3, [], heads=1), [])
        dense = {"name": "cudnn_attention", "tokens": 1048576, "block_size": 0, "top_k": 0, "ms": 6000.0}
        self.assertEqual(sentences(600, [dense], 1048576, 4096, 12),
                         [(True, "10.0 times cuDNN's dense attention (6000.00 ms), target 9")])
        self.assertEqual(sentences(600, [], 1048576, 4096, 12), [])

    def test_result_that_was_cut_off_is_left_out(self):
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write('{"name": "moba4j"}\n{"name": "mo')
            file.flush()
            self.assertEqual(report.read(file.name), [{"name": "moba4j"}])


if __name__ == "__main__":
    unittest.main()
