"""report.py MOBA.json PEERS.json RESULT.json PLOT.png: measured times beside what the device could do at best.

Formulas, for N tokens, H heads, D channels, 16-bit, causal; rates were measured in the same minutes:
  scores    2 D H N nb / 2 flop                   nb = N / B blocks, half of them visible
  attention max(useful flop / matrix rate,
                H N ((k - 1) (6 D + 16) + 8 D) bytes / copy rate)
A selected block costs reading q and writing and reading a 16-bit partial result (2 D bytes each), its log-sum-exp and
its list entry (16); q, k, v and o are moved once (8 D). Dense attention has flop alone.
"""

import json
import sys

# Measured once on an H200 (TFLOP/s, TB/s), for shares where PyTorch is not there to measure.
USUAL_MATMUL, USUAL_COPY = 790.0, 4.3


def read(path):
    try:
        with open(path) as file:
            return [json.loads(line) for line in file if line.strip()]
    except OSError:
        return []


def ceilings(peers):
    matmul = max((row["tflops"] for row in peers if row["name"] == "matmul"), default=None)
    copy = max((row["tbs"] for row in peers if row["name"] == "copy"), default=None)
    return {"matmul_tflops": matmul or USUAL_MATMUL, "copy_tbs": copy or USUAL_COPY, "measured": bool(matmul and copy)}


def floors(row, rates):
    """Milliseconds that routing and attention take at best."""
    n, h, d, block = row["tokens"], row["heads"], row["head_dim"], row["block_size"]
    compute = row["useful_gflop"] / rates["matmul_tflops"]
    if block == 0:
        return 0.0, compute
    blocks = -(-n // block)
    width = min(row["top_k"], blocks)
    routing = 1e-9 * 2 * d * h * n * blocks / 2 / rates["matmul_tflops"] if width < blocks else 0.0
    moved = 1e-9 * h * n * ((width - 1) * (6 * d + 16) + 8 * d) / rates["copy_tbs"]
    return routing, max(compute, moved)


def main():
    ours, peers = read(sys.argv[1]), read(sys.argv[2])
    rates = ceilings(peers)
    for row in ours:
        row["route_floor_ms"], row["attend_floor_ms"] = floors(row, rates)
        row["roofline_share"] = (row["route_floor_ms"] + row["attend_floor_ms"]) / row["attend_ms"]
    source = "measured" if rates["measured"] else "of an H200 on another day"
    print(f"matrix product {rates['matmul_tflops']:.0f} TFLOP/s, copy {rates['copy_tbs']:.2f} TB/s ({source})")
    print(f"{'case':16} {'route ms':>9} {'floor':>8} {'attend ms':>10} {'floor':>8} {'TFLOP/s':>8} {'share':>6}")
    for row in ours:
        print(f"{row['case']:16} {row['route_ms']:9.3f} {row['route_floor_ms']:8.3f} {row['attend_ms']:10.3f} "
              f"{row['route_floor_ms'] + row['attend_floor_ms']:8.3f} {row['useful_gflop'] / row['attend_ms']:8.1f} "
              f"{row['roofline_share']:6.1%}")
    for row in peers:
        if "gflop" in row:
            print(f"{row['name']:16} {row['tokens']:9} tokens {row['ms']:12.3f} ms {row['gflop'] / row['ms']:8.1f} TFLOP/s")
        elif row["name"] == "flash_moba":
            print(f"{row['name']:16} {row['tokens']:9} tokens B {row['block_size']} k {row['top_k']} {row['ms']:10.3f} ms")
    with open(sys.argv[3], "w") as file:
        json.dump({"ceilings": rates, "moba": ours, "peers": peers}, file, indent=1)
    plot(ours, peers, sys.argv[4])


def plot(ours, peers, path):
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib: no plot")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    figure, (time_axis, share_axis) = pyplot.subplots(1, 2, figsize=(13, 5))
    lines = {}
    for row in ours:
        name = "moba4j, dense" if row["block_size"] == 0 else f"moba4j, B = {row['block_size']}, k = {row['top_k']}"
        lines.setdefault(name, []).append((row["tokens"], row["attend_ms"], row["roofline_share"]))
    for name, points in lines.items():
        tokens, times, shares = zip(*sorted(points))
        time_axis.plot(tokens, times, marker="o", label=name)
        share_axis.plot(tokens, [100 * share for share in shares], marker="o", label=name)
    others = {}
    for row in peers:
        if "tokens" in row:
            others.setdefault(row["name"], []).append((row["tokens"], row["ms"]))
    for name, points in others.items():
        time_axis.plot(*zip(*sorted(points)), marker="x", linestyle="--", label=name)
    time_axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="milliseconds, routing and attention")
    share_axis.set(xscale="log", xlabel="tokens", ylabel="% of the roofline", ylim=(0, 100))
    time_axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
