package dev.moba4j.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.npy.NpyException;
import dev.moba4j.npy.NpyFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class NpyFileTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void mapsEveryVersion(int version) throws IOException {
        float[] values = {1, -2, 3.5f, 0, Float.NaN, 1e-40f};
        Path file = new RawNpy().version(version).floats(values, 2, 3).write(directory.resolve("a.npy"));
        try (Arena arena = Arena.ofShared()) {
            Tensor tensor = NpyFile.map(arena, file);
            assertThat(tensor.dtype()).isEqualTo(DType.F32);
            assertThat(tensor.shape()).containsExactly(2, 3);
            assertThat(tensor.toFloats()).containsExactly(values);
            assertThat(tensor.segment().isReadOnly()).isTrue();
        }
    }

    @Test
    void knowsHalvesAndIntegers() throws IOException {
        try (Arena arena = Arena.ofShared()) {
            byte[] halves = {0x00, 0x3C, 0x00, (byte) 0xC0};
            Path f2 = new RawNpy().bytes("<f2", halves, "(2,)").write(directory.resolve("f2.npy"));
            assertThat(NpyFile.map(arena, f2).toFloats()).containsExactly(1, -2);
            byte[] longs = {7, 0, 0, 0, 0, 0, 0, 0};
            Path i8 = new RawNpy().bytes("<i8", longs, "(1,)").write(directory.resolve("i8.npy"));
            assertThat(NpyFile.map(arena, i8).getLong(0)).isEqualTo(7);
            Path i4 = new RawNpy().bytes("<i4", longs, "(2,)").write(directory.resolve("i4.npy"));
            assertThat(NpyFile.map(arena, i4).getLong(1)).isZero();
        }
    }

    @Test
    void copiesWhatIsNotAligned() throws IOException {
        Path file = new RawNpy().pad(false).floats(new float[] {4, 5}, 2).write(directory.resolve("a.npy"));
        try (Arena arena = Arena.ofShared()) {
            assertThat(NpyFile.map(arena, file).toFloats()).containsExactly(4, 5);
        }
    }

    @Test
    void mapsEmptyArrays() throws IOException {
        Path file = new RawNpy().floats(new float[0], 0, 4, 8).write(directory.resolve("a.npy"));
        try (Arena arena = Arena.ofShared()) {
            assertThat(NpyFile.map(arena, file).shape()).containsExactly(0, 4, 8);
        }
    }

    static Stream<Hostile> hostile() {
        byte[] none = {};
        return Stream.of(
                new Hostile("empty", none, "numpy.save"),
                new Hostile("short", new byte[] {(byte) 0x93, 'N', 'U'}, "numpy.save"),
                new Hostile("text", "x,y,z\n1,2,3\n".getBytes(StandardCharsets.UTF_8), "numpy.save"),
                new Hostile(
                        "version",
                        new RawNpy().version(9).floats(new float[2], 2).toBytes(),
                        "9",
                        "1 to 3"),
                new Hostile("header length", headerLength(), "65535", "at most"),
                new Hostile("no dictionary", new RawNpy().header("[1, 2]").toBytes(), "[1, 2]", "'descr'"),
                new Hostile(
                        "float64",
                        new RawNpy().bytes("<f8", new byte[8], "(1,)").toBytes(),
                        "<f8",
                        "'<f4'"),
                new Hostile(
                        "big-endian",
                        new RawNpy().bytes(">f4", new byte[4], "(1,)").toBytes(),
                        ">f4",
                        "'<f4'"),
                new Hostile(
                        "objects", new RawNpy().bytes("|O", new byte[4], "(1,)").toBytes(), "|O", "'<f4'"),
                new Hostile(
                        "fortran",
                        new RawNpy().fortran().floats(new float[2], 2).toBytes(),
                        "True",
                        "False"),
                new Hostile(
                        "scalar", new RawNpy().bytes("<f4", new byte[4], "()").toBytes(), "0 axes", "1 to 16"),
                new Hostile(
                        "17 axes",
                        new RawNpy()
                                .bytes("<f4", new byte[4], "(" + "1, ".repeat(17) + ")")
                                .toBytes(),
                        "17 axes",
                        "1 to 16"),
                new Hostile(
                        "overflow",
                        new RawNpy()
                                .bytes("<f4", none, "(4611686018427387904, 4)")
                                .toBytes(),
                        "4611686018427387904",
                        "2^63"),
                new Hostile(
                        "no long",
                        new RawNpy()
                                .bytes("<f4", none, "(99999999999999999999,)")
                                .toBytes(),
                        "99999999999999999999",
                        "2^63"),
                new Hostile("hole", new RawNpy().bytes("<f4", none, "(1,,2)").toBytes(), "(1,,2)", "whole numbers"),
                new Hostile(
                        "truncated",
                        new RawNpy().bytes("<f4", new byte[7], "(2,)").toBytes(),
                        "8 bytes",
                        "7"));
    }

    private static byte[] headerLength() {
        byte[] bytes = new RawNpy().floats(new float[2], 2).toBytes();
        bytes[8] = (byte) 0xFF;
        bytes[9] = (byte) 0xFF;
        return bytes;
    }

    private record Hostile(String name, byte[] content, String... parts) {
        @Override
        public String toString() {
            return name;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hostile")
    void refuses(Hostile hostile) throws IOException {
        Path file = Files.write(directory.resolve("hostile.npy"), hostile.content);
        try (Arena arena = Arena.ofShared()) {
            assertThatThrownBy(() -> NpyFile.map(arena, file))
                    .isInstanceOf(NpyException.class)
                    .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1))
                    .hasMessageContaining("hostile.npy")
                    .hasMessageContaining("expected")
                    .hasMessageContainingAll(hostile.parts);
        }
    }

    @Test
    void damagedFilesAreReadOrRefused() throws IOException {
        byte[] whole = new RawNpy().floats(new float[12], 3, 4).toBytes();
        Random random = new Random(5);
        Path file = directory.resolve("damaged.npy");
        int refused = 0;
        for (int trial = 0; trial < 2000; trial++) {
            byte[] damaged = ByteBuffer.allocate(whole.length).put(whole).array();
            for (int i = 0; i < 1 + trial % 3; i++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            Files.write(file, damaged);
            try (Arena arena = Arena.ofConfined()) {
                NpyFile.map(arena, file);
            } catch (NpyException e) {
                refused++;
            }
        }
        assertThat(refused).isBetween(200, 1900);
    }
}
