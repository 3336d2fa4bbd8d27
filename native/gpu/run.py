"""Runs the kit on a machine with a GPU: ./run.sh [--quick] [--seconds S] [PART...]

Parts, in this order: smoke, which always comes first; correctness; sanitizer; java; benchmark. All of them without
arguments. Each has a time limit and a log; $OUT, or report/ beside this file, receives at most eight files. --quick
takes every seventh case and small shapes: a rehearsal with an emulated device, whose library MOBA_CUDA_LIBRARY names.
--seconds is a limit for all parts together: what is under way then is stopped, and the summary is written.

Exit status: 0 nothing was found; 1 something was; 2 bad usage.
"""

import argparse
import glob
import importlib.util
import os
import shutil
import sys
import tempfile
import time

import suites

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ["smoke", "correctness", "sanitizer", "java", "benchmark"]
# Findings, the most important first.
KINDS = {"crash": "crashes, and lost devices", "wrong": "wrong results", "race": "errors and races that a sanitizer saw",
         "failed": "measurements that failed", "slow": "parts that ran out of time", "missed": "targets missed"}

# Where PyTorch's wheels, for CUDA 12 and 13, have what cuDNN consists of and needs.
CUDNN_FOLDERS = ("cudnn", "cublas", "cuda_runtime", "cuda_nvrtc", "cu13")
TESTS = os.path.join(HERE, "moba_tests")
BENCH = os.path.join(HERE, "moba_gpu_bench")

# Filter and seconds. The sizes for a GPU alone come last.
CORRECTNESS = [
    ("MergeStates.*:*Routing.*", 30),
    ("TensorCores/Forward.*", 60),
    ("*Forward.*:-Large/*:TensorCores/*", 90),
    ("Large/Forward.*", 60),
    ("*Dense.*", 120),
    ("*ImportedSelection.*:*RoutedContainment.*:*Containment.*", 60),
    ("*LongRows.*", 60),
    ("*SameBits.*:*Chunked.*", 60),
    ("*Device*", 90),
    ("Small/Sampled.*:Large/Sampled.*", 300),
]
# Once more on a Hopper, with the kernels of other devices: MOBA_CUDA_TENSOR_CORES.
FOR_AMPERE = [("*Routing.*", 30), ("TensorCores/Forward.*", 60)]

# A few cases of each kernel, for tools that slow it down a hundredfold.
FORWARD = "Forward.MatchesOracle/cuda_"
SANITIZED = ":".join(
    [f"TensorCores/{FORWARD}{case}" for case in
     ("bf16_D128_B64", "f16_D64_B100", "bf16_D96_B128", "bf16_D192_B16", "bf16_D256_full", "f16_D64_H8_G2_causal")] +
    [f"BlockSizes/{FORWARD}f32_B16_K3", f"Options/{FORWARD}H8_G2_per_group_causal_sinks1_local1",
     "MergeStates.OfTwoHalvesIsTheWhole/cuda"])
SMALL_CASES = [case + kind for kind in ("", ",128,f16", ",64,f16")
               for case in ("1024,2,0,0", "1024,2,64,16", "1024,2,128,4", "1024,2,512,2")]
SANITIZERS = {"memcheck": 90, "racecheck": 90, "synccheck": 70}


def cudnn_folders():
    """Folders of libraries that lie beside an installed PyTorch; none without its cuDNN."""
    package = importlib.util.find_spec("nvidia")
    for place in package.submodule_search_locations if package else ():
        if glob.glob(os.path.join(place, "cudnn", "lib", "libcudnn.so.9")):
            folders = [os.path.join(place, name, "lib") for name in CUDNN_FOLDERS]
            return [folder for folder in folders if os.path.isdir(folder)]
    return []


def sanitizer_program():
    """compute-sanitizer's path; None where it is not found."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/cuda/bin"])
    return shutil.which("compute-sanitizer", path=path)


class Report:
    def __init__(self, folder, quick, seconds):
        self.deadline = time.monotonic() + seconds
        self.folder = folder
        self.quick = quick
        self.device = ""  # in the words of smoke
        self.lines = []
        self.found = []
        self.scratch = tempfile.mkdtemp(prefix="moba-kit-")
        self.environment = dict(os.environ)
        self.environment.setdefault("MOBA_CUDA_LIBRARY", os.path.join(HERE, "libmoba_cuda.so"))
        self.environment["PYTHONUNBUFFERED"] = "1"
        libraries = [*filter(None, [os.environ.get("LD_LIBRARY_PATH")]), *cudnn_folders()]
        if libraries:
            self.environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)

    def path(self, name):
        return os.path.join(self.folder, name)

    def say(self, line):
        print(line, flush=True)
        self.lines.append(line)

    def take(self, part, outcome, seconds, what=""):
        self.found += [(kind, f"{part}: {test}") for kind, test in outcome.found]
        self.say(f"{part:12} {outcome.passed:5} passed {len(outcome.found):4} found {outcome.skipped:4} skipped "
                 f"{seconds:6.1f} s  {what}")

    def suite(self, part, filter_, limit, log, environment, wrapper=(), what=None):
        start = time.monotonic()
        deadline = min(start + limit, self.deadline)
        outcome = suites.run_suite(TESTS, filter_, environment, log, deadline, self.scratch, wrapper)
        self.take(part, outcome, time.monotonic() - start, what or filter_)

    def program(self, part, command, limit, log, lost="crash", most=40):
        """Any other program. Returns whether it ended well, and the last lines that it printed, at most so many."""
        start = time.monotonic()
        process = suites.Process(command, self.environment, log)
        tail = list(process.lines(min(start + limit, self.deadline)))[-most:]
        outcome = suites.Outcome()
        if process.timed_out:
            outcome.add("slow", f"{os.path.basename(command[0])}: time was up")
        elif process.process.returncode != 0:
            outcome.add(lost, f"{' '.join(command[-1:])}: exit status {process.process.returncode}")
        else:
            outcome.passed = 1
        script = next((word for word in command if word.endswith(".py")), command[0])
        self.take(part, outcome, time.monotonic() - start, os.path.basename(script))
        return outcome.passed == 1, tail


def smoke(report, log):
    for command in (["nvidia-smi", "-L"], [BENCH]):
        if shutil.which(command[0]) is None:
            report.say(f"smoke        {command[0]} is not here")
            continue
        well, tail = report.program("smoke", command, 60, log)
        report.say("             " + (tail[-1].strip() if tail else "it printed nothing"))
        if command[0] == BENCH:
            report.device = tail[-1] if tail else ""
            if not well:
                return False
    report.suite("smoke", f"HeadDims/{FORWARD}f32_D64:HeadDims/{FORWARD}bf16_D128", 60, log, report.environment,
                 what="two small runs against the oracle")
    return not report.found


def correctness(report, log):
    environment = dict(report.environment)
    chosen = CORRECTNESS
    if report.quick:
        environment["MOBA_TESTS_REDUCED"] = "1"
        chosen = [(filter_.replace(":Large/Sampled.*", ""), limit) for filter_, limit in chosen
                  if not filter_.startswith("Large/")]
    for filter_, limit in chosen:
        report.suite("correctness", filter_, limit, log, environment)
    if "compute capability 9.0" in report.device:
        for filter_, limit in FOR_AMPERE:
            report.suite("correctness", filter_, limit, log, {**environment, "MOBA_CUDA_TENSOR_CORES": "ampere"},
                         what=f"{filter_} with the kernels for Ampere")


def sanitizer(report, log):
    program = sanitizer_program()
    if program is None:
        report.say("sanitizer    compute-sanitizer is neither on the PATH nor in /usr/local/cuda/bin: left out")
        return
    for tool, limit in SANITIZERS.items():
        command = [program, "--tool", tool, "--error-exitcode", "9"]
        report.suite("sanitizer", SANITIZED, limit, log, report.environment, command, tool)
    # The benchmark leaves workspace and outputs as the device gave them; the tests write poison, which counts as
    # initialized.
    report.program("sanitizer", [program, "--tool", "initcheck", "--error-exitcode", "9", BENCH, "--seconds", "0",
                                 *SMALL_CASES], 120, log, lost="race")


def java(report, log):
    folder = os.path.join(HERE, "java")
    program = os.path.join(folder, "image", "bin", "java")
    if not os.path.exists(program):
        report.say("java         there is no Java here: left out")
        return
    command = [program, "-cp", f"{folder}/suites:{folder}/jars/*", "--enable-native-access=ALL-UNNAMED",
               "--add-modules", "jdk.incubator.vector", "-Dmoba4j.test.cuda=true",
               f"-Dmoba4j.library.path={HERE}/libmoba.so", "org.junit.platform.console.ConsoleLauncher", "execute",
               f"--scan-classpath={folder}/suites", "--include-tag=cuda | device",
               "--exclude-package=dev.moba4j.commandline",  # which starts the launcher
               f"--config=jqwik.database={report.scratch}/jqwik", "--details=summary", "--disable-banner",
               "--fail-if-no-tests"]
    _, tail = report.program("java", command, 240, log, lost="wrong")
    for line in tail:
        if "tests successful" in line or "tests failed" in line:
            report.say("             " + line.rstrip())


def benchmark(report, log):
    results = report.path("benchmark.json")
    quick = ["--quick"] if report.quick else []
    _, tail = report.program("benchmark", [sys.executable, os.path.join(HERE, "benchmark.py"), results, *quick], 480, log,
                             lost="failed", most=1000)
    for line in tail:
        if "left out" in line:
            report.say("             " + line.rstrip())
    _, lines = report.program("benchmark", [sys.executable, os.path.join(HERE, "report.py"), results,
                                            report.path("benchmark.png")], 60, log, most=1000)
    for line in map(str.rstrip, lines):
        kind, _, sentence = line.partition(": ")
        if kind == "failed" or (kind == "missed" and not report.quick):  # small shapes have no targets
            report.found.append((kind, f"benchmark: {sentence}"))
        else:
            report.say(line)


def summarize(report):
    report.say("")
    for kind, title in KINDS.items():
        tests = [test for found, test in report.found if found == kind]
        if tests:
            report.say(f"{len(tests)} {title}:")
            for test in tests[:40]:
                report.say(f"  {test}")
    report.say(f"found: {len(report.found)}" if report.found else "found: nothing")
    with open(report.path("summary.txt"), "w") as file:
        file.write("\n".join(report.lines) + "\n")


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    chosen = arguments.parts or PARTS
    for part in chosen:
        if part not in PARTS:
            parser.error(f"unknown part {part}; there are {', '.join(PARTS)}")
    folder = os.environ.get("OUT") or os.path.join(HERE, "report")
    os.makedirs(folder, exist_ok=True)
    report = Report(folder, arguments.quick, arguments.seconds)
    try:
        for part in PARTS:
            if part != "smoke" and part not in chosen:
                continue
            with open(report.path(f"{part}.log"), "w") as log:
                went_well = globals()[part](report, log)
            if part == "smoke" and not went_well:
                report.say("the device cannot be used: nothing else was run")
                break
    finally:
        shutil.rmtree(report.scratch, ignore_errors=True)
        summarize(report)
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
