package dev.moba4j.npy;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Arrays in NumPy's format (versions 1 to 3): C order, little-endian, float32, float16, int32 or int64. Files over 2 GiB are
 * fine. Source: {@code numpy.lib.format}.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="npy"}
 */
public final class NpyFile {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int PREFIX_BYTES = 12;
    private static final int MOST_HEADER_BYTES = 1 << 16;
    private static final int MOST_SHOWN = 80;

    /** A Python dictionary of three entries, as NumPy writes it; a comma may follow the last. */
    private static final Pattern HEADER = Pattern.compile("\\s*\\{\\s*'descr'\\s*:\\s*'(?<descr>[^']*)'\\s*,"
            + "\\s*'fortran_order'\\s*:\\s*(?<fortran>True|False)\\s*,"
            + "\\s*'shape'\\s*:\\s*\\((?<shape>[0-9,\\s]*)\\)\\s*,?\\s*}\\s*");

    private NpyFile() {}

    /**
     * Maps the array into memory, read-only. The file must not be truncated while the arena is open.
     *
     * @param arena keeps the mapping
     * @param file the file
     * @return the array; a copy in the arena's memory if its data are not aligned to the element size
     * @throws IOException if the file cannot be read
     * @throws NpyException if it is no such file, or holds another kind of array
     */
    public static Tensor map(Arena arena, Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new NpyException(file + " is a folder, expected a .npy file");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer prefix = read(channel, 0, (int) Math.min(PREFIX_BYTES, channel.size()));
            int lengthBytes = lengthBytes(file, prefix);
            long headerBytes = lengthBytes == Short.BYTES
                    ? Short.toUnsignedLong(prefix.getShort(MAGIC.length + 2))
                    : Integer.toUnsignedLong(prefix.getInt(MAGIC.length + 2));
            long begin = MAGIC.length + 2 + lengthBytes;
            long most = Math.min(MOST_HEADER_BYTES, channel.size() - begin);
            if (headerBytes > most) {
                throw new NpyException(
                        file + ": the header has " + headerBytes + " bytes, expected at most " + Math.max(0, most));
            }
            String header = StandardCharsets.UTF_8
                    .decode(read(channel, begin, (int) headerBytes))
                    .toString();
            return map(arena, file, channel, begin + headerBytes, header);
        }
    }

    private static ByteBuffer read(FileChannel channel, long position, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining() && channel.read(buffer, position + buffer.position()) >= 0) {
            // until it is full or the file ends
        }
        return buffer.flip();
    }

    /** Bytes of the header's length: 2 in version 1, then 4. */
    private static int lengthBytes(Path file, ByteBuffer prefix) {
        boolean isNpy = prefix.limit() == PREFIX_BYTES;
        for (int i = 0; isNpy && i < MAGIC.length; i++) {
            isNpy = prefix.get(i) == MAGIC[i];
        }
        if (!isNpy) {
            throw new NpyException(file + " does not begin like a .npy file, expected one that numpy.save wrote");
        }
        int version = prefix.get(MAGIC.length);
        if (version < 1 || version > 3) {
            throw new NpyException(file + " has format version " + version + ", expected 1 to 3");
        }
        return version == 1 ? Short.BYTES : Integer.BYTES;
    }

    private static Tensor map(Arena arena, Path file, FileChannel channel, long begin, String header)
            throws IOException {
        Matcher fields = HEADER.matcher(header);
        if (!fields.matches()) {
            throw new NpyException(file + ": the header is \"" + shown(header)
                    + "\", expected {'descr': ..., 'fortran_order': ..., 'shape': ...}");
        }
        DType dtype = dtype(file, fields.group("descr"));
        if (fields.group("fortran").equals("True")) {
            throw new NpyException(file + ": fortran_order is True, expected False (numpy.ascontiguousarray)");
        }
        long[] shape = shape(file, fields.group("shape"));
        long bytes = dtype.byteSize();
        for (long size : shape) {
            if (Math.multiplyHigh(bytes, size) != 0 || bytes * size < 0) {
                throw new NpyException(
                        file + ": shape is (" + shown(fields.group("shape")) + "), expected fewer than 2^63 bytes");
            }
            bytes *= size;
        }
        if (bytes > channel.size() - begin) {
            throw new NpyException(file + ": shape is (" + shown(fields.group("shape")) + ") of " + dtype + ", " + bytes
                    + " bytes, expected at most the " + (channel.size() - begin) + " that the file holds");
        }
        if (begin % dtype.byteSize() == 0) {
            return Tensor.map(arena, file, begin, dtype, shape);
        }
        Tensor copy = Tensor.allocate(arena, dtype, shape);
        try (Arena mapping = Arena.ofConfined()) {
            MemorySegment.copy(
                    channel.map(FileChannel.MapMode.READ_ONLY, begin, bytes, mapping), 0, copy.segment(), 0, bytes);
        }
        return copy;
    }

    private static DType dtype(Path file, String descr) {
        return switch (descr) {
            case "<f4" -> DType.F32;
            case "<f2" -> DType.F16;
            case "<i4" -> DType.I32;
            case "<i8" -> DType.I64;
            default ->
                throw new NpyException(file + ": descr is '" + shown(descr)
                        + "', expected '<f4', '<f2', '<i4' or '<i8' (float32, float16, int32 or int64)");
        };
    }

    private static long[] shape(Path file, String list) {
        String[] sizes = list.isBlank() ? new String[0] : list.strip().split("\\s*,\\s*");
        if (sizes.length == 0 || sizes.length > Tensor.MAX_RANK) {
            throw new NpyException(file + ": shape has " + sizes.length + " axes, expected 1 to " + Tensor.MAX_RANK);
        }
        long[] shape = new long[sizes.length];
        for (int axis = 0; axis < sizes.length; axis++) {
            try {
                shape[axis] = Long.parseLong(sizes[axis]);
            } catch (NumberFormatException e) {
                throw new NpyException(
                        file + ": shape is (" + shown(list) + "), expected whole numbers up to 2^63 - 1");
            }
        }
        return shape;
    }

    private static String shown(String text) {
        String cut = text.length() <= MOST_SHOWN ? text : text.substring(0, MOST_SHOWN) + "...";
        return cut.strip().replaceAll("[\\p{C}\\u2028\\u2029]", "?");
    }
}
