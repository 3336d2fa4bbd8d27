"""Looks at the machine code of libmoba_cuda.so: registers, local memory and tensor-core instructions of every kernel.

usage: machine_code_test.py LIBRARY BUDGET CUOBJDUMP [--write]

BUDGET is a table: kernel, architecture, most registers, least products (HMMA of a warp, HGMMA of a warpgroup). No kernel may use local memory (a
stack is where registers spill to). --write makes the table of what is there, registers as they are allotted: eight by eight.
"""

import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def short(name):
    """The kernel in a demangled name: of RunThreads<Kernel> or RunKernel<Kernel>."""
    name = re.sub(r"moba::cuda::|\(anonymous namespace\)::|\(int\)", "", name)
    name = name[name.index("<") + 1 : name.rindex(">(")]
    return name.replace(" ", "")


def kernels(library, cuobjdump):
    """{(kernel, architecture): [registers, stack, local, products]}"""
    found = {}
    names = {}
    architecture = None
    for line in output(cuobjdump, "--dump-resource-usage", library).splitlines():
        if match := re.match(r"arch = (\w+)", line):
            architecture = match[1]
        elif match := re.match(r"\s*Function (\w+):", line):
            mangled = match[1]
        elif match := re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", line):
            names.setdefault(mangled, None)
            found[mangled, architecture] = [int(value) for value in match.groups()] + [0]
    demangled = output("c++filt", *names).splitlines()
    names = {mangled: short(name) for mangled, name in zip(names, demangled)}
    for architecture in {architecture for _, architecture in found}:
        for line in output(cuobjdump, "-sass", "-arch", architecture, library).splitlines():
            if match := re.match(r"\s*Function : (\w+)", line):
                counted = found[match[1], architecture]
            elif re.search(r"\bHG?MMA\b", line):
                counted[3] += 1
    return {(names[mangled], architecture): values for (mangled, architecture), values in found.items()}


def main(library, budget, cuobjdump, *options):
    found = kernels(library, cuobjdump)
    if "--write" in options:
        with open(budget, "w") as file:
            print("kernel", "architecture", "registers", "products", sep="\t", file=file)
            for (kernel, architecture), (registers, _, _, products) in sorted(found.items()):
                print(kernel, architecture, -registers // 8 * -8, products, sep="\t", file=file)
        return 0
    with open(budget) as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    expected = {(kernel, architecture): (int(most), int(least)) for kernel, architecture, most, least in rows}
    wrong = []
    for key in sorted(found.keys() | expected.keys()):
        if key not in found or key not in expected:
            wrong.append(f"{key} is in {'the library' if key in found else 'the budget'} alone")
            continue
        registers, stack, local, products = found[key]
        most, least = expected[key]
        if registers > most:
            wrong.append(f"{key} has {registers} registers, at most {most} are budgeted")
        if stack or local:
            wrong.append(f"{key} has {stack} bytes of stack and {local} of local memory")
        if products < least:
            wrong.append(f"{key} has {products} products, expected {least}")
    print(f"{len(found)} kernels, most registers {max(values[0] for values in found.values())}")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
