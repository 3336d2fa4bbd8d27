package dev.moba4j.cli.demo;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * A long context made from a fixed seed: passages on changing topics, noise everywhere, and needles.
 *
 * <p>A key is noise plus the direction of its passage's topic; a query is noise plus the topic of its own passage, so
 * ordinary queries like the blocks on their topic. A needle is a passage of {@value #PASSAGE} keys about its subject,
 * one of which, the needle's token, is also the answer; its query asks for subject and answer. A block of 512 keys
 * dilutes the passage 16 times in its centroid, which is what routing has to see through.
 */
final class Haystack {
    static final int HEADS = 8;
    static final int KV_HEADS = 2;
    static final int HEAD_DIM = 64;
    static final int BLOCK_SIZE = 512;

    private static final int PASSAGE = 32;
    private static final int TOPICS = 8;
    private static final long SEED = 2502_13189L;
    private static final double TOPIC_IN_KEY = 2;
    private static final double TOPIC_IN_QUERY = 4;
    private static final double SUBJECT_IN_KEY = 8;
    private static final double ANSWER_IN_KEY = 8;
    private static final double NEEDLE_IN_QUERY = 10;
    private static final double NEEDLE_QUERY_NOISE = 0.3;

    private final RandomGenerator random = new SplittableRandom(SEED);
    private final int tokens;
    private final AttentionInputs inputs;
    private final List<Needle> needles;

    /** Fills a context of {@code tokens} tokens, in memory of {@code arena}. */
    Haystack(Arena arena, int tokens) {
        this.tokens = tokens;
        this.needles = places(tokens);
        this.inputs = AttentionInputs.of(
                Tensor.allocate(arena, DType.F32, tokens, HEADS, HEAD_DIM),
                Tensor.allocate(arena, DType.F32, tokens, KV_HEADS, HEAD_DIM),
                Tensor.allocate(arena, DType.F32, tokens, KV_HEADS, HEAD_DIM));
        Directions directions = new Directions(random, HEAD_DIM);
        writePassages(directions.next(TOPICS));
        for (Needle needle : needles) {
            writeNeedle(needle, directions.next(), directions.next());
        }
    }

    private static List<Needle> places(int tokens) {
        String[] names = {"amber", "birch", "cobalt", "dune", "ember", "fjord", "garnet"};
        double[] planted = {0.03, 0.12, 0.24, 0.37, 0.51, 0.68, 0.82};
        double[] asked = {0.99, 0.45, 0.62, 0.74, 0.86, 0.93, 0.97};
        List<Needle> needles = new ArrayList<>();
        for (int i = 0; i < names.length; i++) {
            needles.add(new Needle(names[i], true, inPassage((int) (planted[i] * tokens)), (int) (asked[i] * tokens)));
        }
        needles.add(new Needle("heron", false, inPassage(tokens / 4), (int) (0.9 * tokens)));
        return List.copyOf(needles);
    }

    /** The nearest earlier token whose passage lies within one block. */
    private static int inPassage(int token) {
        return token / BLOCK_SIZE * BLOCK_SIZE + Math.clamp(token % BLOCK_SIZE, PASSAGE, BLOCK_SIZE - PASSAGE);
    }

    private void writePassages(List<double[]> topics) {
        int shortest = tokens / 64;
        int topic = 0;
        int left = 0;
        for (int token = 0; token < tokens; token++, left--) {
            if (left == 0) {
                topic = (topic + 1 + random.nextInt(TOPICS - 1)) % TOPICS;
                left = random.nextInt(shortest, 3 * shortest);
            }
            for (int head = 0; head < HEADS; head++) {
                write(inputs.q(), token, head, 1, topics.get(topic), TOPIC_IN_QUERY);
            }
            for (int head = 0; head < KV_HEADS; head++) {
                write(inputs.k(), token, head, 1, topics.get(topic), TOPIC_IN_KEY);
                write(values(), token, head, 1, topics.get(topic), TOPIC_IN_KEY);
            }
        }
    }

    private void writeNeedle(Needle needle, double[] subject, double[] answer) {
        double[] question = sum(subject, answer);
        for (int head = 0; head < HEADS; head++) {
            write(inputs.q(), needle.asked(), head, NEEDLE_QUERY_NOISE, question, NEEDLE_IN_QUERY);
        }
        if (!needle.planted()) {
            return;
        }
        for (int head = 0; head < KV_HEADS; head++) {
            for (int token = needle.token() - PASSAGE / 2; token < needle.token() + PASSAGE / 2; token++) {
                write(inputs.k(), token, head, 1, subject, SUBJECT_IN_KEY);
            }
            write(inputs.k(), needle.token(), head, 0, question, ANSWER_IN_KEY);
        }
    }

    /** Writes one row: Gaussian noise plus a direction. */
    private void write(Tensor tensor, int token, int head, double noise, double[] direction, double strength) {
        MemorySegment memory = tensor.segment();
        long row = ((long) token * tensor.dim(1) + head) * HEAD_DIM;
        for (int i = 0; i < HEAD_DIM; i++) {
            double value = noise * random.nextGaussian() + strength * direction[i];
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, row + i, (float) value);
        }
    }

    private static double[] sum(double[] a, double[] b) {
        double[] sum = a.clone();
        for (int i = 0; i < b.length; i++) {
            sum[i] += b[i];
        }
        return sum;
    }

    private Tensor values() {
        return Objects.requireNonNull(inputs.v());
    }

    /** q, k and v of the first {@code count} tokens. */
    AttentionInputs prefix(int count) {
        return AttentionInputs.of(
                inputs.q().slice(0, 0, count), inputs.k().slice(0, 0, count), values().slice(0, 0, count));
    }

    /** Length of the context. */
    int tokens() {
        return tokens;
    }

    /** q, k and v. */
    AttentionInputs inputs() {
        return inputs;
    }

    /** The needles, in the order in which they are planted; one of them is not. */
    List<Needle> needles() {
        return needles;
    }

    /** The value at a needle's token, as query head {@code head} reads it. */
    float[] value(Needle needle, int head) {
        int kvHead = head / (HEADS / KV_HEADS);
        return values().select(0, needle.token()).select(0, kvHead).toFloats();
    }
}
