"""Looks at the machine code of libmoba_cuda.so: registers, local and shared memory and tensor-core instructions of every
kernel.

usage: machine_code_test.py LIBRARY BUDGET CUOBJDUMP [--write]

BUDGET is a table. No kernel may use local memory (a stack is where registers spill to), more registers or more static
shared memory than are budgeted, or fewer products: `hmma` of a warp, `hgmma` of a warpgroup. `dynamic` is what the
launch adds to shared memory, which machine_code_budget_test.cpp compares with the code; both together have to fit on
the devices of the architecture. Registers and static memory are a compiler's: with another one than the table's they
are not compared. --write makes the table of what is there, registers as they are allotted: eight by eight.
"""

import re
import subprocess
import sys

HEAD = ["compiler", "kernel", "architecture", "registers", "static", "dynamic", "hmma", "hgmma"]
# Shared memory that a thread block may have: of every device since 8.0 (8.6 and 8.9 have least), and of Hopper, where
# the system's 1 KiB counts as static.
MOST_SHARED = {"sm_80": 99 * 1024, "sm_90a": 228 * 1024}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def short(name):
    """The kernel in a demangled name: of RunThreads<Kernel> or RunKernel<Kernel>."""
    name = re.sub(r"moba::cuda::|\(anonymous namespace\)::|\(int\)", "", name)
    name = name[name.index("<") + 1 : name.rindex(">(")]
    return name.replace(" ", "")


def compiler_of(library):
    """What the machine code says it was made by."""
    with open(library, "rb") as file:
        versions = re.findall(rb"Cuda compilation tools, release [\d.]+, V([\d.]+)", file.read())
    return "nvcc-" + "+".join(sorted({version.decode() for version in versions}))


def kernels(library, cuobjdump):
    """{(kernel, architecture): {registers, stack, static, local, hmma, hgmma}}"""
    found = {}
    names = {}
    architecture = None
    for line in output(cuobjdump, "--dump-resource-usage", library).splitlines():
        if match := re.match(r"arch = (\w+)", line):
            architecture = match[1]
        elif match := re.match(r"\s*Function (\w+):", line):
            mangled = match[1]
        elif match := re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", line):
            names.setdefault(mangled, None)
            values = map(int, match.groups())
            found[mangled, architecture] = dict(zip(("registers", "stack", "static", "local"), values), hmma=0, hgmma=0)
    demangled = output("c++filt", *names).splitlines()
    names = {mangled: short(name) for mangled, name in zip(names, demangled)}
    for architecture in {architecture for _, architecture in found}:
        for line in output(cuobjdump, "-sass", "-arch", architecture, library).splitlines():
            if match := re.match(r"\s*Function : (\w+)", line):
                counted = found[match[1], architecture]
            elif match := re.search(r"\b(HG?MMA)\b", line):
                counted[match[1].lower()] += 1
    return {(names[mangled], architecture): values for (mangled, architecture), values in found.items()}


def read(budget):
    """{(kernel, architecture): {column: text}}"""
    with open(budget) as file:
        rows = [dict(zip(HEAD, line.rstrip("\n").split("\t"))) for line in file][1:]
    return {(row["kernel"], row["architecture"]): row for row in rows}


def write(budget, compiler, found):
    before = read(budget)
    with open(budget, "w") as file:
        print(*HEAD, sep="\t", file=file)
        for key, values in sorted(found.items()):
            dynamic = before[key]["dynamic"] if key in before else 0
            print(compiler, *key, -values["registers"] // 8 * -8, values["static"], dynamic, values["hmma"],
                  values["hgmma"], sep="\t", file=file)


def faults(key, values, row, same_compiler):
    if values["stack"] or values["local"]:
        yield f"{values['stack']} bytes of stack and {values['local']} of local memory"
    shared = values["static"] + int(row["dynamic"])
    if shared > MOST_SHARED[key[1]]:
        yield f"{shared} bytes of shared memory, at most {MOST_SHARED[key[1]]} are there"
    for product in ("hmma", "hgmma"):
        if values[product] < int(row[product]):
            yield f"{values[product]} {product.upper()}, expected {row[product]}"
    for budget in ("registers", "static") if same_compiler else ():
        if values[budget] > int(row[budget]):
            yield f"{budget}: {values[budget]}, at most {row[budget]} are budgeted"


def main(library, budget, cuobjdump, *options):
    found = kernels(library, cuobjdump)
    compiler = compiler_of(library)
    if "--write" in options:
        write(budget, compiler, found)
        return 0
    expected = read(budget)
    compilers = {row["compiler"] for row in expected.values()}
    if compilers != {compiler}:
        print(f"the table is of {', '.join(compilers)}, and this is {compiler}: registers and static shared memory are "
              "not compared")
    wrong = []
    for key in sorted(found.keys() | expected.keys()):
        if key not in found or key not in expected:
            wrong.append(f"{key} is in {'the library' if key in found else 'the budget'} alone")
            continue
        wrong += [f"{key}: {fault}" for fault in faults(key, found[key], expected[key], compilers == {compiler})]
    most = max(values["static"] + int(expected.get(key, {"dynamic": 0})["dynamic"]) for key, values in found.items())
    print(f"{len(found)} kernels, most registers {max(values['registers'] for values in found.values())}, "
          f"most shared memory {most} bytes")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
