package dev.moba4j.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.DType;
import dev.moba4j.Sentences;
import dev.moba4j.Tensor;
import dev.moba4j.safetensors.SafetensorsException;
import dev.moba4j.safetensors.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Reading safetensors files: by mapping, at any alignment and size; a hostile header gives one clear sentence. */
class SafetensorsFileTest {
    private static final String T = "\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";

    @TempDir
    Path directory;

    private record Hostile(String name, long headerLength, String header, int dataBytes, String... parts) {
        static Hostile of(String name, String header, String... parts) {
            return new Hostile(name, header.getBytes(StandardCharsets.UTF_8).length, header, 8, parts);
        }

        /** A header whose one tensor "t" has these fields. */
        static Hostile tensor(String name, String fields, String... parts) {
            return of(name, "{\"t\":{" + fields + "}}", parts);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Hostile> hostileHeaders() {
        return Stream.of(
                new Hostile("length beyond the file", 1000, "{" + T + "}", 8, "1000", "expected"),
                new Hostile("length of 2^63", Long.MIN_VALUE, "{" + T + "}", 8, "9223372036854775808", "expected"),
                new Hostile("length of 2^64 - 1", -1, "{" + T + "}", 8, "18446744073709551615", "expected"),
                new Hostile("length 0", 0, "", 8, "header"),
                new Hostile("length short of the header", 20, "{" + T + "}", 8, "header"),
                Hostile.of("no JSON", "this is no JSON at all", "JSON"),
                Hostile.of("JSON cut off", "{\"t\":{\"dtype\":\"F32\"", "header"),
                Hostile.of("an array", "[1, 2]", "header", "object"),
                Hostile.of("text behind", "{" + T + "} {}", "header", "closing brace"),
                Hostile.of("a comment", "{/* */" + T + "}", "JSON"),
                Hostile.of("tensor twice", "{" + T + "," + T + "}", "\"t\"", "twice"),
                Hostile.of("tensor a number", "{\"t\":3}", "\"t\"", "3", "object"),
                Hostile.of("metadata a list", "{\"__metadata__\":[]," + T + "}", "__metadata__", "object"),
                Hostile.of(
                        "metadata of numbers", "{\"__metadata__\":{\"a\":1}," + T + "}", "__metadata__", "1", "string"),
                Hostile.of("nested a thousand deep", "{\"t\":" + "[".repeat(100_000), "\"t\"", "object"),
                Hostile.of("shape nested", "{\"t\":{\"shape\":" + "[".repeat(100_000), "\"t\"", "shape"),
                Hostile.of("half a surrogate pair", "{\"t\\uD800\":" + "}", "header"),
                Hostile.of("UTF-16", "{\0}\0", "header", "JSON"),
                Hostile.of("what begins like UTF-32", "\0\0\0{0!:{", "header", "JSON"),
                Hostile.tensor(
                        "dtype twice",
                        "\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]",
                        "dtype"),
                Hostile.tensor("dtype missing", "\"shape\":[2],\"data_offsets\":[0,8]", "\"t\"", "dtype"),
                Hostile.tensor("shape missing", "\"dtype\":\"F32\",\"data_offsets\":[0,8]", "\"t\"", "shape"),
                Hostile.tensor("offsets missing", "\"dtype\":\"F32\",\"shape\":[2]", "\"t\"", "data_offsets"),
                Hostile.tensor(
                        "dtype a number", "\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]", "\"t\"", "dtype", "32"),
                Hostile.tensor(
                        "shape a number",
                        "\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]",
                        "\"t\"",
                        "shape",
                        "2"),
                tensorOf("[2.0]", "[0,8]", "shape", "2.0"),
                tensorOf("[\"2\"]", "[0,8]", "shape", "2"),
                tensorOf("[null]", "[0,8]", "shape", "null"),
                tensorOf("[-2]", "[0,8]", "shape", "-2"),
                tensorOf("[-1,-2]", "[0,8]", "shape", "-1"),
                tensorOf("[9223372036854775808]", "[0,8]", "shape", "9223372036854775808"),
                tensorOf("[4294967296,4294967296,2]", "[0,8]", "shape"),
                tensorOf("[4611686018427387904,4]", "[0,8]", "shape"),
                tensorOf("[3]", "[0,8]", "shape", "3", "8"),
                tensorOf("[]", "[0,8]", "shape"),
                tensorOf("[2]", "[0,9]", "data_offsets", "9", "8"),
                tensorOf("[2]", "[4,12]", "data_offsets", "12", "8"),
                tensorOf("[2]", "[8,0]", "data_offsets", "[8, 0]"),
                tensorOf("[2]", "[-8,0]", "data_offsets", "-8"),
                tensorOf("[2]", "[0]", "data_offsets", "[0]"),
                tensorOf("[2]", "[0,4,8]", "data_offsets", "[0, 4, 8]"),
                tensorOf("[2]", "[9223372036854775800,9223372036854775807]", "data_offsets", "9223372036854775807"),
                tensorOf("[0]", "[9,9]", "data_offsets", "9", "8"),
                Hostile.of(
                        "tensors that overlap",
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                        "data_offsets",
                        "b"),
                Hostile.of(
                        "a line break in a name",
                        "{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,8]}}",
                        "shape",
                        "7"),
                Hostile.of(
                        "a long name",
                        "{\"" + "n".repeat(10_000) + "\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,8]}}",
                        "shape",
                        "7"),
                Hostile.of("a name of a megabyte", "{\"" + "n".repeat(1_000_000) + "\":{}}", "header"));
    }

    private static Hostile tensorOf(String shape, String offsets, String... parts) {
        return Hostile.tensor(
                "shape " + shape + ", offsets " + offsets,
                "\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":" + offsets,
                parts);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hostileHeaders")
    void refusesWithASentence(Hostile hostile) throws IOException {
        Path file = RawSafetensors.write(
                directory.resolve("hostile"), hostile.headerLength, hostile.header, new byte[hostile.dataBytes]);
        assertThatThrownBy(() -> {
                    try (SafetensorsFile open = SafetensorsFile.open(file)) {
                        open.names().forEach(open::tensor);
                    }
                })
                .isInstanceOf(SafetensorsException.class)
                .satisfies(e -> Sentences.assertSentence(e, hostile.parts))
                .hasMessageContaining("hostile");
        Files.delete(file);
    }

    @Test
    void refusesAHeaderThatIsNotUtf8() throws IOException {
        byte[] header = "{\"\u00e9\":{}}".getBytes(StandardCharsets.ISO_8859_1);
        byte[] content = ByteBuffer.allocate(Long.BYTES + header.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
        Path file = Files.write(directory.resolve("latin"), content);
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(SafetensorsException.class)
                .satisfies(e -> Sentences.assertSentence(e, "latin", "header", "UTF-8"));
    }

    @Test
    void refusesFilesTooShortForAHeader() throws IOException {
        for (int size = 0; size < 8; size++) {
            Path file = Files.write(directory.resolve("short"), new byte[size]);
            String bytes = Integer.toString(size);
            assertThatThrownBy(() -> SafetensorsFile.open(file))
                    .isInstanceOf(SafetensorsException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "short", bytes, "8"));
        }
    }

    /** Every change of one byte of a header gives a file that opens and reads, or a sentence; nothing else. */
    @Test
    void damagedHeadersNeverCrash() throws IOException {
        Path file = new RawSafetensors()
                .floats("q", DType.F16, new float[6], 1, 2, 3)
                .integers("n", DType.I64, new int[] {1, 2}, 2)
                .metadata("a", "b")
                .write(directory.resolve("damaged"));
        byte[] whole = Files.readAllBytes(file);
        Random random = new Random(1);
        for (int i = 0; i < 3000; i++) {
            byte[] damaged = whole.clone();
            for (int n = random.nextInt(3); n >= 0; n--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            Files.write(file, Arrays.copyOf(damaged, whole.length - random.nextInt(3) * random.nextInt(20)));
            try (SafetensorsFile open = SafetensorsFile.open(file)) {
                for (String name : open.names()) {
                    Tensor tensor = open.tensor(name);
                    if (tensor.dtype().isFloatingPoint()) {
                        tensor.toFloats();
                    }
                }
            } catch (SafetensorsException e) {
                Sentences.assertSentence(e, "damaged");
            }
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void readsEveryDtypeAtEveryByteOffset(DType dtype) throws IOException {
        int[] numbers = {0, 1, -1, 100, -128, 7};
        float[] floats = {0, 1, -1, 100, -128, 7};
        for (int shift = 0; shift < 8; shift++) {
            RawSafetensors raw = new RawSafetensors();
            if (dtype.isFloatingPoint()) {
                raw.floats("x", dtype, floats, 2, 3);
            } else {
                raw.integers("x", dtype, numbers, 2, 3);
            }
            for (int i = 0; i < shift; i++) {
                raw.shiftByOneByte();
            }
            try (SafetensorsFile file = SafetensorsFile.open(raw.write(directory.resolve("shifted")))) {
                Tensor tensor = file.tensor("x");
                assertThat(tensor.dtype()).isEqualTo(dtype);
                assertThat(tensor.shape()).containsExactly(2, 3);
                for (int i = 0; i < 6; i++) {
                    double value =
                            dtype.isFloatingPoint() ? tensor.getFloat(i / 3, i % 3) : tensor.getLong(i / 3, i % 3);
                    assertThat(value).isEqualTo(numbers[i]);
                }
                assertThat(file.tensor("x").address()).as("made once").isEqualTo(tensor.address());
            }
        }
    }

    @Test
    void alignedTensorsAreReadOnlyViewsOfTheMapping() throws IOException {
        RawSafetensors raw = new RawSafetensors()
                .floats("x", DType.BF16, new float[] {1, 2}, 2)
                .floats("y", DType.BF16, new float[] {3}, 1);
        Path path = raw.write(directory.resolve("aligned"));
        if (headerBytes(path) % 2 != 0) {
            path = raw.shiftByOneByte().write(path);
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            Tensor x = file.tensor("x");
            assertThat(x.segment().isMapped()).isTrue();
            assertThat(x.segment().isReadOnly()).isTrue();
            assertThat(file.tensor("y").address()).isEqualTo(x.address() + 4);
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(new byte[] {(byte) 0x80, (byte) 0xBF}), channel.size() - 6);
            }
            assertThat(x.getFloat(0)).as("the file's memory, not a copy").isEqualTo(-1);
        }
    }

    @Test
    void namesMetadataAndOtherDtypesAreThere() throws IOException {
        Path path = new RawSafetensors()
                .metadata("format", "pt")
                .bytes("weights", "F8_E5M2", new byte[3], 3)
                .floats("q", DType.F32, new float[] {1}, 1)
                .bytes("scalar", "F32", new byte[4])
                .write(directory.resolve("X"));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.names()).containsExactly("weights", "q", "scalar");
            assertThat(file.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(file.contains("q")).isTrue();
            assertThat(file.contains("k")).isFalse();
            assertThat(file.tensor("q").toFloats()).containsExactly(1);
            assertThatThrownBy(() -> file.tensor("weights"))
                    .isInstanceOf(SafetensorsException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "weights", "F8_E5M2", "expected"));
            assertThatThrownBy(() -> file.tensor("k"))
                    .isInstanceOf(SafetensorsException.class)
                    .satisfies(e -> Sentences.assertSentence(e, "k", "q"));
        }
    }

    @Test
    void emptyTensorsAndEmptyFilesAreLegal() throws IOException {
        Path path = new RawSafetensors()
                .floats("q", DType.F32, new float[0], 0, 4, 8)
                .write(directory.resolve("empty"));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("q").shape()).containsExactly(0, 4, 8);
        }
        try (SafetensorsFile file = SafetensorsFile.open(RawSafetensors.write(path, "{}", new byte[0]))) {
            assertThat(file.names()).isEmpty();
        }
    }

    @Test
    void headerMayHaveSpacesAndEscapes() throws IOException {
        String header =
                " { \"\\u0071\" : { \"shape\" : [ 1 ] , \"data_offsets\" : [ 0 , 4 ] , \"dtype\" : \"F32\" } }   ";
        try (SafetensorsFile file =
                SafetensorsFile.open(RawSafetensors.write(directory.resolve("spaces"), header, new byte[4]))) {
            assertThat(file.names()).containsExactly("q");
        }
    }

    @Test
    void fileMayBeLargerThanTwoGibibytes() throws IOException {
        Path path = directory.resolve("sparse");
        long elements = 3L << 29;
        String header = "{\"big\":{\"dtype\":\"BF16\",\"shape\":[%d,4],\"data_offsets\":[0,%d]},"
                        .formatted(elements / 4, elements * 2)
                + "\"last\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}}"
                        .formatted(elements * 2, elements * 2 + 4);
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        try (FileChannel channel = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, text.length), 0);
            channel.write(ByteBuffer.wrap(text), 8);
            long end = 8 + text.length + elements * 2;
            channel.write(ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(0, (short) 0x4228), end - 2);
            channel.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, 1.5f), end);
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("last").getFloat(0)).isEqualTo(1.5f);
            Tensor big = file.tensor("big");
            assertThat(big.byteSize()).isEqualTo(3L << 30);
            assertThat(big.getFloat(elements / 4 - 1, 3)).isEqualTo(42);
        }
    }

    @Test
    void closedFileGivesNoMoreMemory() throws IOException {
        Path path =
                new RawSafetensors().floats("q", DType.F32, new float[] {1}, 1).write(directory.resolve("X"));
        SafetensorsFile file = SafetensorsFile.open(path);
        Tensor tensor = file.tensor("q");
        file.close();
        file.close();
        assertThatThrownBy(() -> tensor.getFloat(0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> file.tensor("q").getFloat(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void callersArenaKeepsTheMapping() throws IOException {
        Path path =
                new RawSafetensors().floats("q", DType.F32, new float[] {1}, 1).write(directory.resolve("X"));
        Tensor tensor;
        try (Arena arena = Arena.ofShared()) {
            try (SafetensorsFile file = SafetensorsFile.open(path, arena)) {
                tensor = file.tensor("q");
            }
            assertThat(tensor.getFloat(0)).isEqualTo(1);
        }
        Tensor gone = tensor;
        assertThatThrownBy(() -> gone.getFloat(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void missingFileIsAnIoException() {
        assertThatThrownBy(() -> SafetensorsFile.open(directory.resolve("missing")))
                .isInstanceOf(NoSuchFileException.class);
    }

    private static long headerBytes(Path path) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(path))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
    }
}
