package dev.moba4j.safetensors;

import dev.moba4j.DType;
import dev.moba4j.MobaException;
import dev.moba4j.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A safetensors file, mapped into memory read-only. Files over 2 GiB are fine. The header is checked when the file is
 * opened; tensors of dtypes that this library lacks do no harm until they are asked for. The file must not be truncated
 * while it is open. Thread-safe.
 *
 * <p>Needs the optional dependency {@code com.fasterxml.jackson.core:jackson-core}.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="read"}
 */
public final class SafetensorsFile implements AutoCloseable {
    private static final ValueLayout.OfLong LITTLE_ENDIAN_LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long PREFIX_BYTES = Long.BYTES;

    private final Path file;
    private final Arena arena;
    private final boolean ownsArena;
    private final MemorySegment data;
    private final Header header;
    private final Map<String, Tensor> alignedCopies = new ConcurrentHashMap<>();

    private SafetensorsFile(Path file, Arena arena, boolean ownsArena) throws IOException {
        this.file = file;
        this.arena = arena;
        this.ownsArena = ownsArena;
        MemorySegment mapped = map(file, arena);
        if (mapped.byteSize() < PREFIX_BYTES) {
            throw new SafetensorsException(file + " has " + mapped.byteSize()
                    + " bytes, expected a header length of 8 bytes at its beginning");
        }
        long headerBytes = mapped.get(LITTLE_ENDIAN_LONG, 0);
        long most = Math.min(Header.MAX_BYTES, mapped.byteSize() - PREFIX_BYTES);
        if (headerBytes < 0 || headerBytes > most) {
            throw new SafetensorsException(file + ": the header length is " + Long.toUnsignedString(headerBytes)
                    + " bytes, expected at most " + most);
        }
        header = HeaderReader.read(
                file, mapped.asSlice(PREFIX_BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE));
        data = mapped.asSlice(PREFIX_BYTES + headerBytes);
        header.tensors().forEach(this::check);
        checkApart();
    }

    /**
     * Opens a file; {@link #close} unmaps it.
     *
     * @param file the file
     * @return the open file
     * @throws IOException if it cannot be read
     * @throws SafetensorsException if it is no valid safetensors file
     * @throws MobaException if jackson-core is absent
     */
    public static SafetensorsFile open(Path file) throws IOException {
        Arena arena = Arena.ofShared();
        try {
            return open(file, arena, true);
        } catch (IOException | RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Opens a file whose mapping lives as long as the caller's arena.
     *
     * @param file the file
     * @param arena owner of the mapping
     * @return the open file; closing it changes nothing
     * @throws IOException if it cannot be read
     * @throws SafetensorsException if it is no valid safetensors file
     * @throws MobaException if jackson-core is absent
     */
    public static SafetensorsFile open(Path file, Arena arena) throws IOException {
        return open(file, arena, false);
    }

    /**
     * Names of the tensors, in the order of the header.
     *
     * @return the names, unmodifiable
     */
    public Set<String> names() {
        return Collections.unmodifiableSet(header.tensors().keySet());
    }

    /**
     * Whether the file holds a tensor.
     *
     * @param name its name
     * @return true if it does
     */
    public boolean contains(String name) {
        return header.tensors().containsKey(name);
    }

    /**
     * A tensor: a read-only view of the mapped file, or, where the data's offset in the file is no multiple of the element
     * size, a copy in aligned off-heap memory of the same arena, made once.
     *
     * @param name its name
     * @return the tensor
     * @throws SafetensorsException if there is none of this name, or its dtype is not of {@link DType}
     */
    public Tensor tensor(String name) {
        TensorEntry entry = header.tensors().get(name);
        if (entry == null) {
            throw new SafetensorsException(
                    file + ": there is no tensor " + Quotation.of(name) + "; it holds " + Quotation.of(names()));
        }
        DType dtype = dtype(entry.dtype());
        if (dtype == null) {
            throw refused(name, "dtype", Quotation.of(entry.dtype()), "one of " + Arrays.toString(DType.values()));
        }
        if (entry.shape().length == 0) {
            throw refused(name, "shape", "[]", "at least one axis");
        }
        if (entry.shape().length > Tensor.MAX_RANK) {
            throw refused(name, "shape", Arrays.toString(entry.shape()), "at most " + Tensor.MAX_RANK + " axes");
        }
        MemorySegment bytes = data.asSlice(entry.begin(), entry.end() - entry.begin());
        if (bytes.address() % dtype.byteSize() == 0) {
            return Tensor.wrap(bytes, dtype, entry.shape());
        }
        return alignedCopies.computeIfAbsent(name, missing -> {
            Tensor copy = Tensor.allocate(arena, dtype, entry.shape());
            copy.segment().copyFrom(bytes);
            return copy;
        });
    }

    /**
     * The strings of "__metadata__".
     *
     * @return key to value, unmodifiable; empty if there are none
     */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(header.metadata());
    }

    /**
     * Unmaps a file that was opened without an arena; its tensors cannot be used any more. Idempotent.
     *
     * @throws IllegalStateException if a run uses one of its tensors
     */
    @Override
    public void close() {
        if (ownsArena) {
            closeOnce();
        }
    }

    private synchronized void closeOnce() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private static SafetensorsFile open(Path file, Arena arena, boolean ownsArena) throws IOException {
        try {
            return new SafetensorsFile(file, arena, ownsArena);
        } catch (NoClassDefFoundError e) {
            throw JsonAbsent.exception(e);
        }
    }

    private static MemorySegment map(Path file, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (Files.isDirectory(file)) {
                throw new FileSystemException(file.toString(), null, "is a folder");
            }
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        }
    }

    private void check(String name, TensorEntry entry) {
        if (entry.end() > data.byteSize()) {
            throw refused(
                    name,
                    "data_offsets",
                    "[" + entry.begin() + ", " + entry.end() + "]",
                    "an end of at most " + data.byteSize() + ", the size of the data");
        }
        DType dtype = dtype(entry.dtype());
        if (dtype != null && !hasBytes(entry, dtype)) {
            throw refused(
                    name,
                    "shape",
                    Arrays.toString(entry.shape()) + " of " + dtype,
                    "one that fills the " + (entry.end() - entry.begin()) + " bytes of its data_offsets");
        }
    }

    private void checkApart() {
        List<Map.Entry<String, TensorEntry>> byBegin = header.tensors().entrySet().stream()
                .filter(named -> named.getValue().end() > named.getValue().begin())
                .sorted(Comparator.comparingLong(named -> named.getValue().begin()))
                .toList();
        for (int i = 1; i < byBegin.size(); i++) {
            TensorEntry before = byBegin.get(i - 1).getValue();
            TensorEntry entry = byBegin.get(i).getValue();
            if (entry.begin() < before.end()) {
                throw refused(
                        byBegin.get(i).getKey(),
                        "data_offsets",
                        "[" + entry.begin() + ", " + entry.end() + "]",
                        "a begin of at least " + before.end() + ", the end of tensor "
                                + Quotation.of(byBegin.get(i - 1).getKey()));
            }
        }
    }

    private static boolean hasBytes(TensorEntry entry, DType dtype) {
        long bytes = dtype.byteSize();
        for (long size : entry.shape()) {
            if (Math.multiplyHigh(bytes, size) != 0 || bytes * size < 0) {
                return false;
            }
            bytes *= size;
        }
        return bytes == entry.end() - entry.begin();
    }

    private static @Nullable DType dtype(String name) {
        for (DType dtype : DType.values()) {
            if (dtype.name().equals(name)) {
                return dtype;
            }
        }
        return null;
    }

    private SafetensorsException refused(String name, String field, String was, String expected) {
        return new SafetensorsException(
                file + ": tensor " + Quotation.of(name) + "." + field + " is " + was + ", expected " + expected);
    }
}
