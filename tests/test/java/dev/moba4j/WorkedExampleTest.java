package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The numbers in docs/algorithm.md, and the drawing beside them, are what the library computes. */
class WorkedExampleTest {
    private static final Path DOCS = Path.of(System.getProperty("moba4j.root"), "docs");
    private static final int TOKENS = 8;
    private static final int BLOCK_SIZE = 2;
    private static final AttentionOptions OPTIONS =
            AttentionOptions.moba(BLOCK_SIZE, 2).withSoftmaxScale(1);

    private final String text = read("algorithm.md");
    private final List<String[]> rows = table(9);

    static Stream<Backend> backends() {
        return Backend.allTargets().stream();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void tableIsWhatTheLibraryComputes(Backend backend) {
        try (Arena arena = Arena.ofShared()) {
            AttentionInputs inputs = inputs(arena);
            Tensor o = Tensor.allocate(arena, DType.F32, TOKENS, 1, 1);
            Tensor lse = Tensor.allocate(arena, DType.F32, TOKENS, 1);
            Selection selection = new Selection(Tensor.allocate(arena, DType.I32, TOKENS, 1, 2), BLOCK_SIZE);
            backend.engine().attend(inputs, AttentionOutputs.of(o, lse, selection.tensor()), OPTIONS);
            for (int t = 0; t < TOKENS; t++) {
                String selected = Arrays.stream(selection.blocks(t, 0))
                        .mapToObj(Long::toString)
                        .collect(Collectors.joining(", "));
                assertThat(Arrays.copyOfRange(rows.get(t), 6, 9))
                        .as("selected, o and lse of token %d", t)
                        .containsExactly(selected, decimals(o.getFloat(t, 0, 0)), decimals(lse.getFloat(t, 0)));
            }
        }
    }

    @Test
    void centroidsAndScoresAreRight() {
        float[] q = vectors(1);
        float[] k = vectors(2);
        float[] centroids = new float[TOKENS];
        for (int i = 0; i < TOKENS; i++) {
            centroids[i] = (k[2 * i - i % 2] + k[2 * i - i % 2 + 2]) / 2;
        }
        for (int block = 0; block < TOKENS / BLOCK_SIZE; block++) {
            assertThat(text)
                    .contains("`c_" + block + " = (" + plain(centroids[2 * block]) + ", "
                            + plain(centroids[2 * block + 1]) + ")`");
        }
        for (int t = 0; t < TOKENS; t++) {
            int own = t / BLOCK_SIZE;
            int token = t;
            String scores = IntStream.range(0, own)
                    .mapToObj(block ->
                            plain(q[2 * token] * centroids[2 * block] + q[2 * token + 1] * centroids[2 * block + 1]))
                    .collect(Collectors.joining(", "));
            assertThat(Arrays.copyOfRange(rows.get(t), 4, 6))
                    .as("own block and scores of token %d", t)
                    .containsExactly(Integer.toString(own), scores);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void halvesOfTheLastQueryMerge(Backend backend) {
        try (Arena arena = Arena.ofShared()) {
            AttentionInputs all = inputs(arena);
            AttentionInputs last = AttentionInputs.of(all.q().slice(0, TOKENS - 1, TOKENS), all.k(), all.v());
            Tensor[] o = new Tensor[3];
            Tensor[] lse = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                o[i] = Tensor.allocate(arena, DType.F32, 1, 1, 1);
                lse[i] = Tensor.allocate(arena, DType.F32, 1, 1);
            }
            for (int i = 0; i < 2; i++) {
                int block = 2 * i + 1;
                Tensor selected = Tensor.ofInts(arena, new int[] {block}, 1, 1, 1);
                backend.engine().attendSelected(last, selected, AttentionOutputs.of(o[i], lse[i]), OPTIONS);
                assertThat(text.replaceAll("\\s+", " "))
                        .contains("over block " + block + " alone `o = " + decimals(o[i].getFloat(0, 0, 0))
                                + "`, `lse = " + decimals(lse[i].getFloat(0, 0)) + "`");
            }
            backend.engine().mergeStates(o[0], lse[0], o[1], lse[1], o[2], lse[2]);
            assertThat(Arrays.copyOfRange(rows.get(TOKENS - 1), 7, 9))
                    .containsExactly(decimals(o[2].getFloat(0, 0, 0)), decimals(lse[2].getFloat(0, 0)));
        }
    }

    @Test
    void drawingShowsTheTable() {
        String drawing = read("routing.svg");
        for (int t = 0; t < TOKENS; t++) {
            List<String> selected = List.of(rows.get(t)[6].split(", "));
            int own = t / BLOCK_SIZE;
            for (int block = 0; block < TOKENS / BLOCK_SIZE; block++) {
                boolean chosen = selected.contains(Integer.toString(block));
                String kind = block > own ? "later" : block == own ? "own" : chosen ? "chosen" : "left-out";
                assertThat(drawing).contains("<g id=\"query-" + t + "-block-" + block + "\" class=\"" + kind + "\">");
            }
        }
    }

    @Test
    void costTableCountsRight() {
        List<String[]> costs = table(8);
        assertThat(costs).hasSize(6);
        for (String[] row : costs) {
            long n = Long.parseLong(row[0]);
            long b = Long.parseLong(row[1]);
            long k = Long.parseLong(row[2]);
            long full = 0;
            long pairs = 0;
            long scores = 0;
            for (long p = 0; p < n; p++) {
                long own = p / b;
                full += p + 1;
                pairs += p % b + 1 + b * Math.min(k - 1, own);
                scores += own;
            }
            assertThat(row)
                    .containsExactly(
                            row[0],
                            row[1],
                            row[2],
                            Long.toString(full),
                            Long.toString(pairs),
                            String.format(Locale.ROOT, "%.1f", (double) full / pairs),
                            Long.toString(scores),
                            String.format(Locale.ROOT, "%.1f %%", 100 * 0.5 * scores / (pairs + 0.5 * scores)));
        }
    }

    private AttentionInputs inputs(Arena arena) {
        Tensor v = Tensor.allocate(arena, DType.F32, TOKENS, 1, 1);
        for (int t = 0; t < TOKENS; t++) {
            v.setFloat(Float.parseFloat(rows.get(t)[3]), t, 0, 0);
        }
        return AttentionInputs.of(
                Tensor.ofFloats(arena, DType.F32, vectors(1), TOKENS, 1, 2),
                Tensor.ofFloats(arena, DType.F32, vectors(2), TOKENS, 1, 2),
                v);
    }

    /** The vectors of two channels in a column of the example. */
    private float[] vectors(int column) {
        float[] values = new float[2 * TOKENS];
        for (int t = 0; t < TOKENS; t++) {
            String[] channels = rows.get(t)[column].replaceAll("[()]", "").split(", ");
            values[2 * t] = Float.parseFloat(channels[0]);
            values[2 * t + 1] = Float.parseFloat(channels[1]);
        }
        return values;
    }

    /** Cells of the table whose rows begin with a number and have so many columns. */
    private List<String[]> table(int columns) {
        return Pattern.compile("^\\| (\\d+ \\|.*) \\|$", Pattern.MULTILINE)
                .matcher(text)
                .results()
                .map(MatchResult::group)
                .map(row -> Arrays.stream(row.substring(1, row.length() - 1).split("\\|"))
                        .map(String::strip)
                        .toArray(String[]::new))
                .filter(row -> row.length == columns)
                .toList();
    }

    private static String decimals(float value) {
        return String.format(Locale.ROOT, "%.4f", value);
    }

    private static String plain(float value) {
        return value == Math.rint(value) ? Integer.toString((int) value) : Float.toString(value);
    }

    private static String read(String file) {
        try {
            return Files.readString(DOCS.resolve(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
