"""run.py with a report that only notes what it is asked for."""

import os
import stat
import tempfile
import unittest
from unittest import mock

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


class PlacesTest(unittest.TestCase):
    def test_libraries_of_an_installed_pytorch_are_found(self):
        with tempfile.TemporaryDirectory() as site:
            place = os.path.join(site, "nvidia")
            for name in ("cudnn", "cu13", "nccl"):
                os.makedirs(os.path.join(place, name, "lib"))
            with mock.patch("importlib.util.find_spec") as find_spec:
                find_spec.return_value.submodule_search_locations = [place]
                self.assertEqual(run.cudnn_folders(), [])
                open(os.path.join(place, "cudnn", "lib", "libcudnn.so.9"), "w").close()
                found = [os.path.join(place, name, "lib") for name in ("cudnn", "cu13")]
                self.assertEqual(run.cudnn_folders(), found)
                with mock.patch.dict(os.environ, {"LD_LIBRARY_PATH": "/own"}):
                    report = run.Report(site, False, 1)
                    os.rmdir(report.scratch)
                self.assertEqual(report.environment["LD_LIBRARY_PATH"].split(":"), ["/own", *found])
                find_spec.return_value = None
                self.assertEqual(run.cudnn_folders(), [])

    def test_sanitizer_is_on_the_path_or_beside_cuda(self):
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.dict(os.environ, {"PATH": folder}):
                self.assertIn(run.sanitizer_program(), [None, "/usr/local/cuda/bin/compute-sanitizer"])
                program = os.path.join(folder, "compute-sanitizer")
                open(program, "w").close()
                os.chmod(program, stat.S_IRWXU)
                self.assertEqual(run.sanitizer_program(), program)


if __name__ == "__main__":
    unittest.main()
