package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.JsonText;
import dev.moba4j.files.RawSafetensors;
import dev.moba4j.oracle.Attention;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Specification section 8: {@code --stats} and {@code --repeat}. */
class StatsTest {
    private static final Problem PROBLEM = Problem.shape(DType.F16)
            .heads(4, 2)
            .dims(16, 12)
            .lengths(new int[] {50, 3}, new int[] {50, 30})
            .options(AttentionOptions.moba(8, 3))
            .normal(6);

    @TempDir
    Path directory;

    @Test
    void repeatGivesExactlyThatManyTimes() throws IOException {
        Map<String, Object> stats = stats("attend", "--block-size", 8, "--top-k", 3, "--repeat", 4, "--threads", 2);
        assertThat(stats)
                .containsOnlyKeys(
                        "backend",
                        "threads",
                        "dtype",
                        "milliseconds",
                        "route_milliseconds",
                        "useful_gflop",
                        "peak_bytes");
        assertThat(stats.get("backend")).isIn("native", "vector", "scalar");
        assertThat(stats.get("dtype")).isEqualTo("F16");
        assertThat(stats.get("threads")).isEqualTo(2.0);
        assertThat(times(stats, "milliseconds")).hasSize(4).allSatisfy(ms -> assertThat(ms)
                .isPositive());
        assertThat(times(stats, "route_milliseconds")).hasSize(4).allSatisfy(ms -> assertThat(ms)
                .isPositive());
        assertThat((Double) stats.get("peak_bytes")).isBetween(1e6, 2e9);
    }

    @Test
    void oneRunGivesItsOwnTime() throws IOException {
        Map<String, Object> stats = stats("attend", "--block-size", 8, "--top-k", 3);
        assertThat(times(stats, "milliseconds")).hasSize(1);
        assertThat(times(stats, "route_milliseconds")).hasSize(1);
    }

    @Test
    void usefulWorkCountsVisibleSelectedPairs() throws IOException {
        Map<String, Object> stats = stats("attend", "--block-size", 8, "--top-k", 3);
        assertThat(gflop(stats)).isCloseTo(2 * (16 + 12) * pairs(Routes.select(PROBLEM)) / 1e9, PERCENT);
    }

    @Test
    void usefulWorkOfFullAttentionCountsVisiblePairs() throws IOException {
        assertThat(gflop(stats("attend", "--full"))).isCloseTo(2 * (16 + 12) * pairs(null) / 1e9, PERCENT);
    }

    @Test
    void usefulWorkOfRoutingCountsScoresOfVisibleBlocks() throws IOException {
        Map<String, Object> stats = stats("route", "--block-size", 8, "--top-k", 3, "--repeat", 2);
        long scores = 0;
        for (int i = 0; i < 50; i++) {
            scores += 4 * (i / 8 + 1);
        }
        for (int i = 0; i < 3; i++) {
            scores += 4 * ((27 + i) / 8 + 1);
        }
        assertThat(times(stats, "milliseconds")).hasSize(2);
        assertThat(gflop(stats)).isCloseTo(2 * 16 * scores / 1e9, PERCENT);
    }

    private static final Percentage PERCENT = Percentage.withPercentage(1e-6);

    private Map<String, Object> stats(String command, Object... options) throws IOException {
        Path input = InputFiles.packed(PROBLEM, DType.I32).write(directory.resolve("X.safetensors"));
        Path stats = directory.resolve("stats.json");
        List<Object> arguments = new ArrayList<>(
                List.of(command, "--input", input, "--output", directory.resolve("Y.safetensors"), "--stats", stats));
        arguments.addAll(Arrays.asList(options));
        Result result = moba(directory, arguments.toArray());
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).as("stderr").isEmpty();
        assertThat(RawSafetensors.read(directory.resolve("Y.safetensors"))).isNotEmpty();
        return JsonText.object(Files.readString(stats));
    }

    private static double gflop(Map<String, Object> stats) {
        return (Double) stats.get("useful_gflop");
    }

    private static List<Double> times(Map<String, Object> stats, String name) {
        return ((List<?>) stats.get(name)).stream().map(Double.class::cast).toList();
    }

    private static double pairs(int[][] rows) {
        double pairs = 0;
        for (int s = 0; s < PROBLEM.sequences(); s++) {
            for (int i = 0; i < PROBLEM.queryLengths()[s]; i++) {
                for (int h = 0; h < PROBLEM.heads(); h++) {
                    int row = (PROBLEM.queryStart(s) + i) * PROBLEM.heads() + h;
                    pairs += Attention.visibleKeys(PROBLEM, s, i, rows == null ? null : rows[row]).length;
                }
            }
        }
        return pairs;
    }
}
