package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.JsonText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code moba bench} on its shortest cases: the table, the records, the pictures, and what it refuses. */
class BenchCommandTest {
    private static final Percentage ROUNDING = Percentage.withPercentage(0.1);

    @TempDir
    Path directory;

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void measuresEveryBackendAndWritesRecordsAndPictures() throws IOException {
        Result result = measure("--case", "^dense_(1|8)k$", "--json", "F.json", "--plot", "new/folder");
        assertThat(result.out())
                .contains("dense_1k", "dense_8k", "native", "vector", "scalar", "BF16", "F.json written");
        Map<String, Object> file = JsonText.object(Files.readString(directory.resolve("F.json")));
        assertThat(file).containsOnlyKeys("setting", "versions", "measurements");
        assertThat((Map<?, ?>) file.get("setting"))
                .extracting("command")
                .asString()
                .startsWith("./moba bench --quiet --seconds 0 --case");
        assertThat(column(list(file, "versions"), "contender")).isEqualTo(List.of("native", "vector", "scalar"));
        List<Map<?, ?>> measurements = list(file, "measurements");
        assertThat(column(measurements, "contender"))
                .isEqualTo(List.of("native", "vector", "scalar", "native", "vector", "native"));
        assertThat(column(measurements, "case"))
                .isEqualTo(List.of("dense_1k", "dense_1k", "dense_1k", "dense_8k", "dense_8k", "dense_8k"));
        assertThat(column(measurements, "dtype")).isEqualTo(List.of("F32", "F32", "F32", "F32", "F32", "BF16"));
        assertThat(measurements).allSatisfy(m -> {
            double tokens = number(m, "tokens");
            assertThat(number(m, "useful_gflop")).isCloseTo(256 * tokens * (tokens + 1) / 1e9, ROUNDING);
            assertThat(number(m, "gflops") * number(m, "milliseconds") / 1e3)
                    .isCloseTo(number(m, "useful_gflop"), ROUNDING);
            assertThat(number(m, "share_of_peak") * number(m, "peak_gflops")).isCloseTo(number(m, "gflops"), ROUNDING);
            // Of multiply-adds of floats, of which pairs of bf16 are twice as many.
            assertThat(number(m, "share_of_peak")).isBetween(0.0, "BF16".equals(m.get("dtype")) ? 2.1 : 1.05);
            assertThat(number(m, "peak_bytes")).isBetween(1e6, 4e9);
            assertThat(number(m, "runs")).isGreaterThanOrEqualTo(3);
            assertThat(m)
                    .extracting(
                            "direction", "queries", "heads", "kv_heads", "head_dim", "block_size", "top_k", "threads")
                    .containsExactly("forward", tokens, 1.0, 1.0, 128.0, 0.0, 0.0, 1.0);
        });
        for (String picture : List.of("time.png", "share-of-peak.png", "contenders.png")) {
            Path path = directory.resolve("new/folder").resolve(picture);
            assertThat(ImageIO.read(path.toFile())).as(picture).isNotNull();
            assertThat(result.out()).contains("new/folder/" + picture + " written");
        }
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void countsTheBytesThatAStepOfDecodingMustRead() throws IOException {
        measure("--case", "^decode", "--json", "F.json");
        List<Map<?, ?>> measurements =
                list(JsonText.object(Files.readString(directory.resolve("F.json"))), "measurements");
        double row = 128 * 4 / 1e9;
        assertThat(measurements).hasSize(2);
        assertThat(number(measurements.getFirst(), "read_gigabytes")).isCloseTo(2 * 32768 * row, ROUNDING);
        assertThat(number(measurements.getFirst(), "useful_gflop")).isCloseTo(512e-9 * 8 * 32768, ROUNDING);
        double blocks = (number(measurements.getLast(), "read_gigabytes") / row - 32768) / 2 / 512;
        assertThat(blocks).as("blocks that eight heads chose together").isBetween(10.0, 17.0);
        assertThat(blocks).isCloseTo(Math.rint(blocks), ROUNDING);
        assertThat(number(measurements.getLast(), "useful_gflop")).isCloseTo(512e-9 * 8 * 3 * 512, ROUNDING);
        assertThat(measurements).allSatisfy(m -> {
            assertThat(number(m, "read_gbps") * number(m, "milliseconds") / 1e3)
                    .isCloseTo(number(m, "read_gigabytes"), ROUNDING);
            assertThat(number(m, "bandwidth_gbps")).isBetween(0.1, 2000.0);
            assertThat(number(m, "queries")).isEqualTo(1);
        });
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void threadsAreThoseAskedFor() throws IOException {
        measure("--suite", "scaling", "--threads", 2, "--case", "^dense_8k$", "--json", "F.json");
        List<Map<?, ?>> measurements =
                list(JsonText.object(Files.readString(directory.resolve("F.json"))), "measurements");
        assertThat(column(measurements, "threads")).isEqualTo(List.of(1.0, 2.0));
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void roundsAreSummedUpInOneRecord() throws IOException {
        measure("--case", "^dense_1k$", "--rounds", 3, "--json", "F.json");
        List<Map<?, ?>> measurements =
                list(JsonText.object(Files.readString(directory.resolve("F.json"))), "measurements");
        assertThat(column(measurements, "contender")).isEqualTo(List.of("native", "vector", "scalar"));
        assertThat(measurements).allSatisfy(m -> {
            assertThat(number(m, "runs")).isGreaterThanOrEqualTo(9);
            assertThat(number(m, "gflops") * number(m, "milliseconds") / 1e3)
                    .isCloseTo(number(m, "useful_gflop"), ROUNDING);
            assertThat(number(m, "share_of_peak") * number(m, "peak_gflops")).isCloseTo(number(m, "gflops"), ROUNDING);
        });
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void printsAPageOfWhatItWrote() throws IOException {
        measure("--case", "^dense_1k$", "--json", "F.json");
        Result page = moba(directory, "bench", "--report", "F.json");
        assertThat(page.status()).as("%s", page).isZero();
        assertThat(page.err()).isEmpty();
        assertThat(page.out())
                .startsWith("# Benchmarks\n")
                .contains(
                        "./moba bench --quiet --seconds 0 --case ^dense_1k$ --json F.json",
                        "| dense_1k | F32 | 1 | native |")
                .containsPattern("\\| dense_1k \\| 80 % of peak \\| \\d+ %( ~)? \\| (reached|\\*\\*missed\\*\\*) \\|")
                .contains("| dense_32k | 90 % of peak | not measured |  |");
    }

    @Test
    @EnabledIf("dev.moba4j.Backend#nativeExpected")
    void measuresOtherProgramsOnlyWhereTheyAreThere() {
        boolean built = Files.exists(Path.of(System.getProperty("moba4j.root"), "benchmarks/peers/target/built-from"));
        Result result = moba(directory, "bench", "--suite=peers", "--seconds", 0, "--case", "^full_1k$", "--quiet");
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err().contains("PyTorch and ONNX Runtime are not there"))
                .isEqualTo(!built);
        assertThat(result.out().contains("pytorch")).isEqualTo(built);
        assertThat(result.out()).contains("native", "vector", "BF16");
    }

    @ParameterizedTest
    @CsvSource({
        "--suite all, --suite, quick",
        "--suite '', --suite, quick",
        "--case nothing_like_it, --case, dense_1k",
        "--case (, --case, regular",
        "--seconds -1, --seconds, -1.0",
        "--seconds NaN, --seconds, NaN",
        "--threads 0, --threads, 0",
        "--rounds 0, --rounds, 0",
        "--rounds 1001, --rounds, 1001",
        "--json no/such/folder/F.json, --json, no/such/folder",
        "--json ., --json, folder",
        "--plot file, --plot, file",
        "--plot file/below, --plot, file/below",
        "--report missing.json, --report, missing.json",
        "--report file, --report, file",
        "--colour red, --colour, --help"
    })
    void refusesBadUsage(String options, String named, String part) throws IOException {
        Files.writeString(directory.resolve("file"), "{\"setting\": 7}");
        Result result = moba(directory, (Object[]) ("bench " + options.replace("''", "")).split(" ", 3));
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err())
                .as("stderr")
                .hasLineCount(1)
                .contains(named, part)
                .doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
        assertThat(directory.toFile().list()).containsExactly("file");
    }

    private Result measure(Object... options) {
        Object[] command = {"bench", "--quiet", "--seconds", 0};
        Object[] all = new Object[command.length + options.length];
        System.arraycopy(command, 0, all, 0, command.length);
        System.arraycopy(options, 0, all, command.length, options.length);
        Result result = moba(directory, all);
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).isEmpty();
        return result;
    }

    @SuppressWarnings("unchecked")
    private static List<Map<?, ?>> list(Map<String, Object> file, String name) {
        return (List<Map<?, ?>>) file.get(name);
    }

    private static List<?> column(List<Map<?, ?>> records, String name) {
        return records.stream().map(record -> record.get(name)).toList();
    }

    private static double number(Map<?, ?> record, String name) {
        return (Double) record.get(name);
    }
}
