package dev.moba4j.files;

import dev.moba4j.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A safetensors file put together byte by byte, and taken apart again, without the library. */
public final class RawSafetensors {
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();
    private final List<String> entries = new ArrayList<>();
    private String padding = "";

    /** A tensor as it lies in a file. */
    public record Entry(String dtype, long[] shape, byte[] bytes) {

        /** Values of an F32, F16 or BF16 tensor. */
        public float[] floats() {
            int size = dtype.equals("F32") ? 4 : 2;
            ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            float[] values = new float[bytes.length / size];
            for (int i = 0; i < values.length; i++) {
                values[i] = switch (dtype) {
                    case "F32" -> buffer.getFloat(4 * i);
                    case "F16" -> Float.float16ToFloat(buffer.getShort(2 * i));
                    case "BF16" -> Float.intBitsToFloat(buffer.getShort(2 * i) << 16);
                    default -> throw new IllegalStateException(dtype);
                };
            }
            return values;
        }

        /** Values of an I32 tensor. */
        public int[] ints() {
            int[] values = new int[bytes.length / 4];
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(values);
            return values;
        }
    }

    /** Adds a floating-point tensor; the values must be representable. */
    public RawSafetensors floats(String name, DType dtype, float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * dtype.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            switch (dtype) {
                case F32 -> bytes.putFloat(value);
                case F16 -> bytes.putShort(Float.floatToFloat16(value));
                default -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
            }
        }
        return bytes(name, dtype.name(), bytes.array(), shape);
    }

    /** Adds an I32 or I64 tensor. */
    public RawSafetensors integers(String name, DType dtype, int[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * dtype.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            if (dtype == DType.I32) {
                bytes.putInt(value);
            } else {
                bytes.putLong(value);
            }
        }
        return bytes(name, dtype.name(), bytes.array(), shape);
    }

    /** Adds a tensor of any dtype name. */
    public RawSafetensors bytes(String name, String dtype, byte[] bytes, long... shape) {
        String sizes = Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(","));
        int begin = data.size();
        data.writeBytes(bytes);
        entries.add("\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}"
                .formatted(name, dtype, sizes, begin, data.size()));
        return this;
    }

    /** Adds {@code __metadata__} with one entry. */
    public RawSafetensors metadata(String key, String value) {
        entries.add("\"__metadata__\":{\"%s\":\"%s\"}".formatted(key, value));
        return this;
    }

    /** Makes the header one byte longer, so that all data moves by one byte. */
    public RawSafetensors shiftByOneByte() {
        padding += " ";
        return this;
    }

    /** Writes the file. */
    public Path write(Path file) {
        return write(file, "{" + String.join(",", entries) + "}" + padding, data.toByteArray());
    }

    /** Writes a file with any header and data. */
    public static Path write(Path file, String header, byte[] data) {
        return write(file, header.getBytes(StandardCharsets.UTF_8).length, header, data);
    }

    /** Writes a file whose header length may be a lie. */
    public static Path write(Path file, long headerLength, String header, byte[] data) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(headerLength).put(text).put(data);
        try {
            return Files.write(file, bytes.array());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The tensors of a file. */
    public static Map<String, Entry> read(Path file) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            int length = Math.toIntExact(bytes.getLong());
            Map<String, Object> header = JsonText.object(new String(bytes.array(), 8, length, StandardCharsets.UTF_8));
            Map<String, Entry> tensors = new LinkedHashMap<>();
            header.forEach((name, value) -> {
                if (!name.equals("__metadata__")) {
                    tensors.put(name, entry((Map<?, ?>) value, bytes.array(), 8 + length));
                }
            });
            return tensors;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Entry entry(Map<?, ?> description, byte[] bytes, int start) {
        long[] shape = longs(description.get("shape"));
        long[] offsets = longs(description.get("data_offsets"));
        byte[] own = Arrays.copyOfRange(bytes, start + (int) offsets[0], start + (int) offsets[1]);
        return new Entry((String) description.get("dtype"), shape, own);
    }

    private static long[] longs(Object array) {
        return ((List<?>) array)
                .stream().mapToLong(value -> ((Number) value).longValue()).toArray();
    }
}
