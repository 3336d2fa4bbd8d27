package dev.moba4j;

import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Problem.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The grid of the contract suite: shapes and options, each with the name of what is special about it. */
record Cases(String name, Shape shape) {

    static List<Cases> all() {
        List<Cases> cases = new ArrayList<>();
        cases.addAll(sequenceLengths());
        cases.addAll(headsAndDimensions());
        cases.addAll(blocksAndTopK());
        cases.addAll(options());
        cases.addAll(fullAttention());
        cases.addAll(larger());
        return cases;
    }

    private static List<Cases> sequenceLengths() {
        AttentionOptions options = AttentionOptions.moba(8, 3);
        return List.of(
                of("no token", options, s -> s.lengths(0)),
                of("one token", options, s -> s.lengths(1)),
                of("two tokens", options, s -> s.lengths(2)),
                of("one block less a token", options, s -> s.lengths(7)),
                of("one block and a token", options, s -> s.lengths(9)),
                of("odd tail", options, s -> s.lengths(61)),
                of("packed with empty and one-token sequences", options, s -> s.lengths(0, 1, 17, 8, 0, 64, 1, 65, 0)),
                of("equal sequences", options, s -> s.lengths(33, 33, 33)),
                of("chunked prefill", options, s -> s.lengths(new int[] {16, 5}, new int[] {64, 70})),
                of("decode", options, s -> s.lengths(new int[] {1, 1, 1, 1}, new int[] {1, 40, 64, 99})),
                of("more queries than keys", options, s -> s.lengths(new int[] {20, 9}, new int[] {11, 8})),
                of("queries without keys", options, s -> s.lengths(new int[] {5, 3}, new int[] {0, 20})),
                of("keys without queries", options, s -> s.lengths(new int[] {0, 3}, new int[] {9, 20})));
    }

    private static List<Cases> headsAndDimensions() {
        AttentionOptions options = AttentionOptions.moba(16, 3);
        List<Cases> cases = new ArrayList<>();
        for (int[] heads : new int[][] {{1, 1}, {3, 3}, {8, 2}, {8, 1}, {7, 1}, {6, 2}, {12, 4}}) {
            cases.add(of("H " + heads[0] + ", G " + heads[1], options, s -> s.heads(heads[0], heads[1])
                    .lengths(75)));
        }
        for (int[] dims : new int[][] {
            {1, 1},
            {2, 3},
            {7, 7},
            {16, 16},
            {33, 31},
            {64, 64},
            {80, 80},
            {96, 40},
            {40, 96},
            {128, 128},
            {192, 128},
            {256, 256},
            {257, 300}
        }) {
            cases.add(of("D " + dims[0] + ", Dv " + dims[1], options, s -> s.dims(dims[0], dims[1])
                    .lengths(90)));
        }
        return cases;
    }

    private static List<Cases> blocksAndTopK() {
        List<Cases> cases = new ArrayList<>();
        for (int[] blockAndK : new int[][] {
            {1, 1}, {1, 5}, {3, 4}, {5, 1}, {16, 1}, {16, 2}, {16, 8}, {16, 9}, {16, 1000}, {64, 2}, {100, 2}, {500, 1}
        }) {
            cases.add(of(
                    "B " + blockAndK[0] + ", K " + blockAndK[1],
                    AttentionOptions.moba(blockAndK[0], blockAndK[1]),
                    s -> s.lengths(131, 40)));
        }
        return cases;
    }

    private static List<Cases> options() {
        AttentionOptions options = AttentionOptions.moba(8, 4);
        int[] lq = {70, 9, 30};
        int[] lk = {70, 40, 21};
        return List.of(
                of("non-causal", options.withCausal(false), s -> s.lengths(lq, lk)),
                of("non-causal, sinks", options.withCausal(false).withSinkBlocks(2), s -> s.lengths(lq, lk)),
                of("non-causal, K 1", AttentionOptions.moba(8, 1).withCausal(false), s -> s.lengths(lq, lk)),
                of("one sink", options.withSinkBlocks(1), s -> s.lengths(lq, lk)),
                of("three sinks fill K", options.withSinkBlocks(3), s -> s.lengths(lq, lk)),
                of("two local blocks", options.withLocalBlocks(2), s -> s.lengths(lq, lk)),
                of("four local blocks fill K", options.withLocalBlocks(4), s -> s.lengths(lq, lk)),
                of("sinks and local blocks", options.withSinkBlocks(2).withLocalBlocks(2), s -> s.lengths(lq, lk)),
                of("per group", options.withRouting(Routing.PER_GROUP), s -> s.lengths(lq, lk)),
                of(
                        "per group, non-causal, sink",
                        options.withRouting(Routing.PER_GROUP).withCausal(false).withSinkBlocks(1),
                        s -> s.lengths(lq, lk)),
                of("softmax scale 1", options.withSoftmaxScale(1), s -> s.lengths(lq, lk)),
                of("softmax scale 1e-3", options.withSoftmaxScale(1e-3), s -> s.lengths(lq, lk)));
    }

    private static List<Cases> fullAttention() {
        AttentionOptions full = AttentionOptions.fullAttention();
        return List.of(
                of("full", full, s -> s.lengths(77)),
                of("full, packed", full, s -> s.lengths(0, 1, 17, 64, 65, 0)),
                of("full, non-causal", full.withCausal(false), s -> s.lengths(new int[] {50, 7}, new int[] {33, 64})),
                of("full, decode", full, s -> s.lengths(new int[] {1, 1}, new int[] {300, 77})),
                of("full, more queries than keys", full, s -> s.lengths(new int[] {40}, new int[] {13})));
    }

    private static List<Cases> larger() {
        return List.of(
                of("1100 tokens, B 128", AttentionOptions.moba(128, 3), s -> s.dims(64, 64)
                        .lengths(1100)),
                of("700 tokens, B 64, D 128", AttentionOptions.moba(64, 4), s -> s.dims(128, 128)
                        .lengths(700)),
                of("B 600", AttentionOptions.moba(600, 2), s -> s.heads(2, 1)
                        .dims(16, 16)
                        .lengths(1900)),
                of("full, 600 tokens", AttentionOptions.fullAttention(), s -> s.heads(2, 1)
                        .lengths(600, 530)),
                of("K 100", AttentionOptions.moba(4, 100), s -> s.heads(2, 1)
                        .dims(16, 16)
                        .lengths(700)),
                of("many blocks", AttentionOptions.moba(4, 6), s -> s.heads(2, 1)
                        .lengths(new int[] {40, 300}, new int[] {2000, 301})),
                of("long rows", AttentionOptions.fullAttention(), s -> s.heads(2, 1)
                        .dims(16, 16)
                        .lengths(new int[] {3}, new int[] {33_500})),
                of("long rows, routed", AttentionOptions.moba(64, 20), s -> s.heads(2, 1)
                        .dims(16, 16)
                        .lengths(new int[] {3, 2, 1}, new int[] {20_000, 50, 33_500})));
    }

    private interface Change {
        Shape of(Shape shape);
    }

    private static Cases of(String name, AttentionOptions options, Change change) {
        Shape shape = Problem.shape(DType.F32).heads(4, 2).dims(24, 24).options(options);
        return new Cases(name, change.of(shape));
    }

    /** Something small that tells seeds apart. */
    static Problem twoSequences(int seed) {
        return Problem.shape(DType.F32)
                .heads(4, 2)
                .dims(16, 16)
                .lengths(90, 37)
                .options(AttentionOptions.moba(16, 3))
                .normal(seed);
    }

    /** The case of that name. */
    static Cases named(String name) {
        return all().stream().filter(c -> c.name.equals(name)).findFirst().orElseThrow();
    }

    /** Values for this case: always the same. */
    Problem problem(DType dtype) {
        return shape.dtype(dtype).normal(Arrays.hashCode(name.toCharArray()));
    }

    /** Values whose scores reach further than those of {@link #problem} and whose values have a mean. */
    Problem problem(DType dtype, double spread, double valueMean) {
        return shape.dtype(dtype).normal(Arrays.hashCode(name.toCharArray()), spread, valueMean);
    }

    @Override
    public String toString() {
        return name;
    }
}
