"""suites.py against a program that behaves as GoogleTest does, well or badly."""

import io
import os
import stat
import sys
import tempfile
import time
import unittest

import suites

# Its tests, in order; each ends as its name says.
FAKE = """#!{python}
import os, sys, time
flags = open(sys.argv[1].split("=")[1]).read()
excluded = flags.strip().partition(":-")[2].split(":")
for test in {tests!r}:
    if "S." + test in excluded:
        continue
    print("[ RUN      ] S." + test, flush=True)
    if test == "Crashes":
        os.abort()
    if test == "Hangs":
        time.sleep(60)
    if test == "LosesTheDevice":
        print("the error is sticky")
    if test in ("Fails", "LosesTheDevice"):
        print("[  FAILED  ] S." + test + ", where GetParam() = 3 (1 ms)", flush=True)
        sys.stdout.flush()
        time.sleep(60 if test == "LosesTheDevice" else 0)
    else:
        print("[       OK ] S." + test + " (1 ms)")
print({last!r})
sys.exit({status})
"""


class SuitesTest(unittest.TestCase):
    def run_fake(self, tests, seconds=20, last="", status=0):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "fake")
            with open(program, "w") as file:
                file.write(FAKE.format(python=sys.executable, tests=tests, last=last, status=status))
            os.chmod(program, stat.S_IRWXU)
            return suites.run_suite(program, "*", dict(os.environ), io.StringIO(), time.monotonic() + seconds, folder)

    def test_what_passes_is_counted(self):
        outcome = self.run_fake(["One", "Two"])
        self.assertEqual((outcome.passed, outcome.found), (2, []))

    def test_failure_is_wrong_and_the_others_go_on(self):
        outcome = self.run_fake(["One", "Fails", "Two"], status=1)
        self.assertEqual((outcome.passed, outcome.found), (2, [("wrong", "S.Fails")]))

    def test_tests_behind_a_crash_go_on_in_a_new_process(self):
        outcome = self.run_fake(["One", "Crashes", "Two"])
        self.assertEqual((outcome.passed, len(outcome.found)), (2, 1))
        self.assertEqual(outcome.found[0][0], "crash")
        self.assertIn("S.Crashes", outcome.found[0][1])

    def test_process_that_lost_its_device_is_replaced(self):
        outcome = self.run_fake(["LosesTheDevice", "Two"])
        self.assertEqual((outcome.passed, outcome.found), (1, [("crash", "S.LosesTheDevice")]))

    def test_time_is_limited(self):
        outcome = self.run_fake(["One", "Hangs", "Two"], seconds=1.5)
        self.assertEqual((outcome.passed, outcome.found[0][0]), (1, "slow"))
        self.assertIn("S.Hangs", outcome.found[0][1])

    def test_what_a_sanitizer_saw_is_found_once(self):
        outcome = self.run_fake(["One"], last="========= ERROR SUMMARY: 3 errors", status=9)
        self.assertEqual((outcome.passed, outcome.found), (1, [("race", "3 errors in *")]))

    def test_no_test_at_all_is_found(self):
        self.assertEqual(self.run_fake([]).found[0][0], "crash")


if __name__ == "__main__":
    unittest.main()
