"""Runs GoogleTest suites one process at a time and outlives what they do: after a crash, a hang or a lost CUDA context
the tests that have not run yet go on in a new process."""

import os
import re
import subprocess
import threading
import time

STARTED = re.compile(r"^\[ RUN +\] (\S+)")
ENDED = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] ([^\s,]+).*\(\d+ ms\)")
LOST = "sticky"  # moba.h: the sentence says so when the process has lost its context
RACES = re.compile(r"ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard")


class Outcome:
    """What became of the tests of a filter."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.found = []  # (kind, test, where): kinds as in run.py

    def add(self, kind, test):
        self.found.append((kind, test))


class Process:
    """One process whose output is read line by line, with limits for the whole and for silence."""

    def __init__(self, command, environment, log):
        log.write(f"\n$ {' '.join(command)}\n")
        self.log = log
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace", start_new_session=True)
        self.timed_out = False

    def kill(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass

    def ends_by_itself(self):
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def lines(self, deadline):
        def stop():
            self.timed_out = True
            self.kill()

        timer = threading.Timer(max(0.1, deadline - time.monotonic()), stop)
        timer.start()
        try:
            for line in self.process.stdout:
                self.log.write(line)
                yield line
        finally:
            timer.cancel()
            if self.process.poll() is None and not self.ends_by_itself():
                self.kill()
            self.process.wait()
            self.process.stdout.close()
            self.log.flush()


def run_suite(program, filter_, environment, log, deadline, folder, wrapper=()):
    """Runs the tests of a filter until `deadline` (time.monotonic()); `wrapper` is a command before the program."""
    outcome = Outcome()
    done = []
    flags = os.path.join(folder, "gtest.flags")
    while True:
        positive, _, negative = filter_.partition(":-")
        excluded = ":".join(filter(None, [negative, *done]))
        with open(flags, "w") as file:
            file.write(f"--gtest_filter={positive}:-{excluded}\n")
        process = Process([*wrapper, program, f"--gtest_flagfile={flags}", "--gtest_color=no"], environment, log)
        current, lost, errors = None, False, 0
        ran = 0
        for line in process.lines(deadline):
            if match := STARTED.match(line):
                current, lost = match[1], False
                ran += 1
            elif match := ENDED.match(line):
                done.append(match[2])
                current = None
                if match[1] == "OK":
                    outcome.passed += 1
                elif match[1] == "SKIPPED":
                    outcome.skipped += 1
                else:
                    outcome.add("crash" if lost else "wrong", match[2])
                    if lost:
                        process.kill()
            elif match := RACES.search(line):
                errors += int(match[1] or match[2])
            lost = lost or LOST in line
        if errors:
            outcome.add("race", f"{errors} errors in {filter_}")
        if process.timed_out:
            outcome.add("slow", f"{current or 'between tests'}: time was up in {filter_}")
            return outcome
        code = process.process.returncode
        if current is not None:
            outcome.add("crash", f"{current}: the process ended with {code}")
            done.append(current)
        elif not lost:
            known = outcome.found or errors
            if code != 0 and not known:
                outcome.add("crash", f"{filter_}: the process ended with {code} outside of a test")
            if ran == 0 and not done:
                outcome.add("crash", f"{filter_}: no test ran")
            return outcome
