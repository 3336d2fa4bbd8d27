package dev.moba4j.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file beside its target that is not finished yet, mapped into memory. */
final class PartialFile {
    private static final int CHUNK_BYTES = 1 << 20;

    private final Path path;
    private final Arena arena;
    private final MemorySegment mapped;
    private final long dataOffset;

    private PartialFile(Path path, Arena arena, MemorySegment mapped, long dataOffset) {
        this.path = path;
        this.arena = arena;
        this.mapped = mapped;
        this.dataOffset = dataOffset;
    }

    /** Makes a file of header length, header, and zeros. */
    static PartialFile create(Path target, byte[] header, long dataBytes) throws IOException {
        Path path = target.resolveSibling(".moba4j-" + UUID.randomUUID() + ".part");
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            writeFully(channel, prefix.putLong(0, header.length));
            writeFully(channel, ByteBuffer.wrap(header));
            writeZeros(channel, dataBytes);
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), arena);
            return new PartialFile(path, arena, mapped, Long.BYTES + header.length);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            Files.deleteIfExists(path);
            throw e;
        }
    }

    /** A part of the data, writable. */
    MemorySegment data(long begin, long end) {
        return mapped.asSlice(dataOffset + begin, end - begin);
    }

    /** Forces the data to the disk, unmaps and renames. */
    void moveTo(Path target) throws IOException {
        mapped.force();
        if (arena.scope().isAlive()) {
            arena.close();
        }
        Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Unmaps and deletes. */
    void delete() throws IOException {
        if (arena.scope().isAlive()) {
            arena.close();
        }
        Files.deleteIfExists(path);
    }

    /**
     * Writing the zeros takes the space on the disk now: were it missing later, writing to the mapping would end the
     * process.
     */
    private static void writeZeros(FileChannel channel, long count) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(CHUNK_BYTES);
        for (long left = count; left > 0; left -= zeros.limit()) {
            zeros.clear().limit((int) Math.min(left, CHUNK_BYTES));
            writeFully(channel, zeros);
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
