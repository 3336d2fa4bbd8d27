"""Times two or more builds of the library in turns, so that a machine whose speed changes does not decide.

usage: compare_libraries.py PROGRAM LIBRARY LIBRARY... [--rounds N] [-- options of moba_bench]

PROGRAM is moba_bench. Each LIBRARY is a libmoba.so, with settings for its environment after commas:
build/native/src/libmoba.so,MOBA_CPU_BF16_PAIRS=0. In each round every case is run with each of them, by a process of its
own. Of each case and library are printed: the best milliseconds, and the median over the rounds of how many times as
fast as the first library it was.
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile


class Library:
    def __init__(self, text):
        path, *settings = text.split(",")
        self.path = pathlib.Path(path).resolve(strict=True)
        self.environment = dict(setting.split("=", 1) for setting in settings)

    def measure(self, program, options):
        """{(case, dtype): milliseconds}"""
        with tempfile.TemporaryDirectory() as folder:
            # The folder holds the library under the name that the program was linked to.
            (pathlib.Path(folder) / "libmoba.so").symlink_to(self.path)
            records = pathlib.Path(folder) / "records.json"
            environment = os.environ | self.environment | {"LD_LIBRARY_PATH": folder}
            command = [program, "--json", str(records), *options]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            measured = [json.loads(line) for line in records.read_text().splitlines()]
        return {(record["case"], record["dtype"]): record["milliseconds"] for record in measured}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program")
    parser.add_argument("libraries", nargs="+", type=Library)
    parser.add_argument("--rounds", type=int, default=5)
    own = sys.argv[1:]
    options = []
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)

    times = collections.defaultdict(list)
    for turn in range(arguments.rounds):
        order = range(len(arguments.libraries))
        for library in order if turn % 2 == 0 else reversed(order):
            for case, milliseconds in arguments.libraries[library].measure(arguments.program, options).items():
                times[case, library].append(milliseconds)
    for case, library in sorted(times, key=lambda key: (list(times).index((key[0], 0)), key[1])):
        of_first, of_this = times[case, 0], times[case, library]
        ratio = statistics.median(first / this for first, this in zip(of_first, of_this))
        print(f"{' '.join(case):36} {arguments.libraries[library].path.parent.name:12} {min(of_this):10.3f} ms  {ratio:6.3f}")


if __name__ == "__main__":
    main()
