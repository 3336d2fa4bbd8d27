"""report.py RESULTS PLOT.png: what benchmark.py measured, beside what the device could do at best and the targets.

Formulas, for N tokens, H heads, D channels, 16-bit, causal; rates were measured right before or in the same case:
  scores    2 D H N nb / 2 flop                   nb = N / B blocks, half of them visible
  attention max(useful flop / matrix rate,
                H N ((k - 1) (6.25 D + 24) + 8 D) bytes / copy rate)
A selected block costs, as in docs/cuda.md, reading q (2 D bytes), writing and reading a partial result of bf16 (2 D for
channels, D / 8 for exponents and 4 for the sum), and writing and reading its list entry (8); q, k, v and o are moved
once (8 D). Dense attention has flop alone. The roofline of a case is routing and attention, one after the other, as
attend_ms has both; of routing the scores count, and neither means of keys nor making lists.

The targets: 70 % of that roofline everywhere; and over others, for routing and attention of 16 heads. Lines that begin
with "missed:" or "failed:" come at the end, in the order in which cases were measured: the most important first.
"""

import json
import sys

# Measured once on an H200, for shares where PyTorch is not there to measure. TFLOP/s.
USUAL_MATMUL = 790.0
LEAST_SHARE = 0.7
# (tokens, block size, top-k): least speed over FlashMoBA, over cuDNN's dense attention.
OVER_FLASH_MOBA = {(8192, 128, 8): 6, (65536, 128, 8): 10, (524288, 128, 8): 25}
OVER_CUDNN = {(1048576, 4096, 12): 9, (1048576, 128, 8): 80}
# Published for two sequences on an H100, routing and attention together, so half of it is for one: milliseconds.
PUBLISHED_FLASH_MOBA = {(8192, 128, 8): 3.7 / 2, (65536, 128, 8): 49.5 / 2, (524288, 128, 8): 1400 / 2}


def read(path):
    """Rows that are whole: the last one may not be."""
    rows = []
    with open(path) as file:
        for line in file:
            try:
                rows.append(json.loads(line))
            except ValueError:
                print(f"a line that is no result: {line!r}")
    return rows


def case(row):
    choice = "dense" if row["block_size"] == 0 else f"B {row['block_size']} k {row['top_k']}"
    tokens = row["tokens"]
    length = f"{tokens // 1024}K" if tokens % 1024 == 0 else str(tokens)
    return f"{length} {choice} {row['heads']} head{'s' if row['heads'] > 1 else ''}"


def floors(row):
    """Milliseconds that routing and attention take at best."""
    n, h, d, block = row["tokens"], row["heads"], row["head_dim"], row["block_size"]
    matmul = row["matmul_tflops"] or USUAL_MATMUL
    compute = row["useful_gflop"] / matmul
    if block == 0:
        return 0.0, compute
    blocks = -(-n // block)
    width = min(row["top_k"], blocks)
    routing = 1e-9 * 2 * d * h * n * blocks / 2 / matmul if width < blocks else 0.0
    moved = 1e-9 * h * n * ((width - 1) * (6.25 * d + 24) + 8 * d) / row["copy_tbs"]
    return routing, max(compute, moved)


def share(row):
    return sum(floors(row)) / row["attend_ms"]


def others(row, peers):
    """(name, milliseconds, least speed over it) of what a target names for this case."""
    if row["heads"] != 16:
        return
    key = row["tokens"], row["block_size"], row["top_k"]

    def measured(name, *choice):
        return next((peer["ms"] for peer in peers
                     if (peer["name"], peer["tokens"], peer["block_size"], peer["top_k"]) == (name, *choice)), None)

    if key in OVER_FLASH_MOBA:
        ms = measured("flash_moba", *key)
        name = "FlashMoBA" if ms else "FlashMoBA as published for an H100"
        yield name, ms or PUBLISHED_FLASH_MOBA[key], OVER_FLASH_MOBA[key]
    if key in OVER_CUDNN:
        ms = measured("cudnn_attention", row["tokens"], 0, 0)
        if ms:
            yield "cuDNN's dense attention", ms, OVER_CUDNN[key]


def verdicts(row, peers):
    """(reached, sentence) of each target of a case."""
    part = share(row)
    yield part >= LEAST_SHARE, f"{case(row)}: {part:.1%} of the roofline, target {LEAST_SHARE:.0%}"
    for name, ms, least in others(row, peers):
        speed = ms / row["attend_ms"]
        yield speed >= least, f"{case(row)}: {speed:.1f} times {name} ({ms:.2f} ms), target {least}"


def report(rows):
    """The lines to be printed."""
    ours = [row for row in rows if row["name"] == "moba4j" and "error" not in row]
    peers = [row for row in rows if "ms" in row]
    failed = [f"failed: {case(row)}, {row['name']}: {row['error']}" for row in rows if "error" in row]
    missed = []
    lines = []
    if any(row["matmul_tflops"] is None for row in ours):
        lines.append(f"no PyTorch here: the matrix rate is {USUAL_MATMUL:.0f} TFLOP/s, of an H200 on another day")
    lines.append(f"{'case':26} {'route ms':>9} {'floor':>8} {'attend ms':>10} {'floor':>8} {'TFLOP/s':>8} {'share':>6} "
                 f"{'matmul':>7} {'copy':>5}  targets")
    for row in ours:
        targets = list(verdicts(row, peers))
        missed += [f"missed: {sentence}" for reached, sentence in targets if not reached]
        reached = sum(reached for reached, _ in targets)
        routing, attention = floors(row)
        lines.append(f"{case(row):26} {row['route_ms']:9.3f} {routing:8.3f} {row['attend_ms']:10.3f} "
                     f"{routing + attention:8.3f} {row['useful_gflop'] / row['attend_ms']:8.1f} {share(row):6.1%} "
                     f"{row['matmul_tflops'] or USUAL_MATMUL:7.0f} {row['copy_tbs']:5.2f}  "
                     f"{reached} of {len(targets)} reached")
    lines += [f"{case(row):26} {row['name']:20} {row['ms']:10.3f} ms" for row in peers]
    return lines + failed + missed


def plot(rows, path):
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib: no plot")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(13, 9))
    choices = sorted({(row["block_size"], row["top_k"]) for row in rows})
    for (time_axis, share_axis), heads in zip(axes, (16, 1)):
        lines = {}
        for row in rows:
            if row["heads"] == heads and "error" not in row:
                lines.setdefault((row["name"], row["block_size"], row["top_k"]), []).append(row)
        for (name, *choice), points in lines.items():
            points.sort(key=lambda row: row["tokens"])
            tokens = [row["tokens"] for row in points]
            label = "dense" if choice[0] == 0 else "B = {}, k = {}".format(*choice)
            color = f"C{choices.index(tuple(choice))}"
            if name == "moba4j":
                time_axis.plot(tokens, [row["attend_ms"] for row in points], "o-", color=color, label=label)
                share_axis.plot(tokens, [100 * share(row) for row in points], "o-", color=color)
            else:
                time_axis.plot(tokens, [row["ms"] for row in points], "x--", color=color, label=f"{name}, {label}")
        share_axis.axhline(100 * LEAST_SHARE, color="grey", linewidth=1)
        time_axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="milliseconds, routing and attention",
                      title=f"heads: {heads}, of 128 channels; bf16, causal")
        share_axis.set(xscale="log", xlabel="tokens", ylabel="% of the roofline; the line is the target", ylim=(0, 100))
        if lines:
            time_axis.legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    rows = read(sys.argv[1])
    print("\n".join(report(rows)))
    plot(rows, sys.argv[2])


if __name__ == "__main__":
    main()
