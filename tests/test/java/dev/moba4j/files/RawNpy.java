package dev.moba4j.files;

import dev.moba4j.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/** A .npy file, written byte by byte, right or wrong. */
public final class RawNpy {
    private static final int ALIGNMENT = 64;

    private int version = 1;
    private boolean pad = true;
    private boolean fortran;
    private String header = "";
    private byte[] data = {};

    public RawNpy version(int number) {
        version = number;
        return this;
    }

    /** Whether spaces align the data; else one byte too many is added, so that they are not. */
    public RawNpy pad(boolean aligned) {
        pad = aligned;
        return this;
    }

    public RawNpy fortran() {
        fortran = true;
        return this;
    }

    public RawNpy header(String text) {
        header = text;
        return this;
    }

    public RawNpy floats(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return bytes("<f4", bytes.array(), tuple(shape));
    }

    /** Values of a problem, in its dtype: F32 or F16. */
    public RawNpy values(DType dtype, float[] values, long... shape) {
        if (dtype == DType.F32) {
            return floats(values, shape);
        }
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putShort(Float.floatToFloat16(value));
        }
        return bytes("<f2", bytes.array(), tuple(shape));
    }

    public RawNpy bytes(String descr, byte[] content, String shape) {
        return raw(
                "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape
                        + ", }",
                content);
    }

    public RawNpy raw(String text, byte[] content) {
        data = content;
        return header(text);
    }

    private static String tuple(long... shape) {
        return Arrays.stream(shape).mapToObj(size -> size + ", ").collect(Collectors.joining("", "(", ")"));
    }

    public byte[] toBytes() {
        int lengthBytes = version == 1 ? Short.BYTES : Integer.BYTES;
        int prefix = 8 + lengthBytes;
        int end = Math.ceilDiv(prefix + header.length() + 1, ALIGNMENT) * ALIGNMENT + (pad ? 0 : 1);
        String padded = header + " ".repeat(end - prefix - header.length() - 1) + "\n";
        ByteBuffer file = ByteBuffer.allocate(end + data.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        file.put((byte) version).put((byte) 0);
        if (version == 1) {
            file.putShort((short) padded.length());
        } else {
            file.putInt(padded.length());
        }
        return file.put(padded.getBytes(StandardCharsets.US_ASCII)).put(data).array();
    }

    public Path write(Path path) {
        try {
            return Files.write(path, toBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
