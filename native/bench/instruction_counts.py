"""Counts the kernels' instructions, and compares them with a table.

usage: instruction_counts.py PROGRAM TABLE [--write]

PROGRAM is moba_instruction_counts of a Release build. It runs under valgrind's callgrind, which knows no AVX-512: the
portable kernels and those for AVX2 are counted. A kernel that needs 2 % more instructions than TABLE says fails.
--write puts the counts of this compiler into TABLE. They depend on the compiler and on Highway: without rows for those
nothing is compared.
"""

import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

LANES = {"baseline": 4, "avx2": 8}
TOLERANCE = 0.02
LEAST_SHARE = 0.02  # of a workload's instructions: what has less gets no row
HEAD = ["compiler", "target", "case", "kernel", "per", "instructions"]

# What a kernel's instructions are divided by: the first that matches.
UNITS = [
    ("ScoreTile|ScoreRows", "vector multiply-add", lambda amounts, lanes: amounts["score_products"] / lanes),
    ("ValueTile|AddValues|AddWholeValues", "vector multiply-add", lambda amounts, lanes: amounts["value_products"] / lanes),
    ("Exponentiate", "vector of scores", lambda amounts, lanes: amounts["pairs"] / lanes),
    ("Route|Best", "score", lambda amounts, lanes: amounts["centroid_scores"]),
    ("Pack|SumTile|SumWholeRows", "element of k", lambda amounts, lanes: amounts["k_elements"]),
    ("AddRows|FinishRow", "element of q", lambda amounts, lanes: amounts["q_elements"]),
    ("", "vector multiply-add", lambda amounts, lanes: (amounts["score_products"] + amounts["value_products"]) / lanes),
]


def instructions(profile):
    """{kernel: instructions of its own}, of libmoba; what is not a kernel is the driver."""
    counts = collections.Counter()
    inside, called = False, False
    with open(profile) as lines:
        for line in lines:
            if line.startswith("ob="):
                inside = "libmoba" in line
            elif line.startswith("fn="):
                match = re.search(r"::N_\w+::(\w+)", line)
                kernel = match[1] if match else "driver"
            elif line.startswith("calls="):
                called = True  # the next line holds what the called function cost
            elif line[0].isdigit() or line[0] in "+-*":
                if inside and not called:
                    counts[kernel] += int(line.split()[1])
                called = False
    return counts


def count(program, target):
    """The compiler, and {(case, kernel, per): (instructions, share of the case's)}."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/profile",
                   "--compress-strings=no", "--compress-pos=no", "--zero-before=moba_attend",
                   "--dump-after=moba_bench::Workload::Attend*", program, target]
        compiler, head, *rows = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        counted = {}
        for number, row in enumerate(rows, start=1):
            amounts = dict(zip(head.split("\t"), row.split("\t")))
            case = amounts.pop("case")
            amounts = {name: int(amount) for name, amount in amounts.items()}
            kernels = instructions(f"{folder}/profile.{number}")
            kernels["all"] = sum(kernels.values())
            for kernel, own in kernels.items():
                per, divisor = next((per, divisor) for name, per, divisor in UNITS if re.search(name, kernel))
                counted[case, kernel, per] = own / divisor(amounts, LANES[target]), own / kernels["all"]
    return compiler, counted


def read(table):
    if not os.path.exists(table):
        return []
    with open(table) as lines:
        return [line.rstrip("\n").split("\t") for line in lines][1:]


def write(table, compiler, found):
    rows = [row for row in read(table) if row[0] != compiler]
    rows += [[compiler, *key, f"{value:.4g}"] for key, (value, share) in found.items() if share >= LEAST_SHARE]
    with open(table, "w") as file:
        for row in [HEAD, *sorted(rows)]:
            print(*row, sep="\t", file=file)


def main(program, table, *options):
    found = {}
    for target in LANES:
        compiler, counted = count(program, target)
        found |= {(target, *key): value for key, value in counted.items()}
    if "--write" in options:
        write(table, compiler, found)
        return 0
    expected = {tuple(row[1:5]): float(row[5]) for row in read(table) if row[0] == compiler}
    if not expected:
        print(f"skipped: {os.path.basename(table)} has no counts of {compiler}")
        return 0
    worse, changed = [], []
    for key in sorted(found.keys() | expected.keys()):
        target, case, kernel, per = key
        name = f"{kernel} in {case} for {target}"
        now, share = found.get(key, (None, 1))
        before = expected.get(key)
        if now is None or before is None:
            if share >= LEAST_SHARE:
                changed.append(f"{name} is in the {'code' if before is None else 'table'} alone")
            continue
        line = f"{name} takes {now:.4g} instructions per {per}, {100 * (now / before - 1):+.1f} % to the table's {before:.4g}"
        if now > (1 + TOLERANCE) * before:
            worse.append(line)
        elif now < (1 - TOLERANCE) * before:
            changed.append(line)
    print(f"{len(expected)} counts of {compiler}: {len(worse)} worse than the table, {len(changed)} otherwise different")
    for line in worse + changed:
        print(line)
    if worse or changed:
        print(f"where this is meant, update the table: python3 {' '.join(map(os.path.relpath, (sys.argv[0], program, table)))} --write")
    return 1 if worse else 0


sys.exit(main(*sys.argv[1:]))
