"""run.py with a report that only notes what it is asked for."""

import unittest

import run


class Report:
    def __init__(self, device="", quick=False):
        self.device = device
        self.quick = quick
        self.environment = {"PATH": "/bin"}
        self.suites = []

    def suite(self, part, filter_, limit, log, environment, wrapper=(), what=None):
        self.suites.append((filter_, environment.get("MOBA_CUDA_TENSOR_CORES")))


class CorrectnessTest(unittest.TestCase):
    def suites_on(self, device):
        report = Report(device)
        run.correctness(report, None)
        return report.suites

    def test_hopper_runs_the_kernels_of_other_devices_as_well(self):
        own = [(filter_, None) for filter_, _ in run.CORRECTNESS]
        self.assertEqual(self.suites_on("NVIDIA H200, compute capability 9.0, own kernels"),
                         own + [("*Routing.*", "ampere"), ("TensorCores/Forward.*", "ampere")])
        self.assertEqual(self.suites_on("NVIDIA B200, compute capability 10.0, own kernels"), own)
        self.assertEqual(self.suites_on("emulation"), own)


if __name__ == "__main__":
    unittest.main()
