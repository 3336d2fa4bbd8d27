package dev.moba4j.safetensors;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes a safetensors file in place: declare all tensors, fill the views that {@link #tensor} gives of a mapped temporary
 * file, then {@link #commit}, which puts it in the target's place by an atomic rename. Closed without commit it leaves
 * nothing behind. Files over 2 GiB are fine. The writer is for one thread at a time; the tensors are for any.
 *
 * <p>Needs the optional dependency {@code com.fasterxml.jackson.core:jackson-core}.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="write"}
 */
public final class SafetensorsWriter implements AutoCloseable {
    private final Path target;
    private final Map<String, Declaration> declarations = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private @Nullable PartialFile file;
    private long totalBytes;
    private boolean closed;

    private SafetensorsWriter(Path target) {
        this.target = target;
    }

    /**
     * Begins a file. Nothing is written yet.
     *
     * @param target where it is to appear; replaced if it exists
     * @return the writer
     * @throws IllegalArgumentException if the path has no file name
     */
    public static SafetensorsWriter create(Path target) {
        if (target.getFileName() == null) {
            throw new IllegalArgumentException("target is " + target + ", expected a path with a file name");
        }
        return new SafetensorsWriter(target);
    }

    /**
     * Declares a tensor; all are declared before the first is asked for.
     *
     * @param name its name, not declared before
     * @param dtype element type
     * @param shape size of each axis
     * @return this writer
     * @throws IllegalArgumentException if the name is taken or too long, or a size overflows
     * @throws IllegalStateException after the first call of {@link #tensor} or {@link #commit}
     */
    public SafetensorsWriter declare(String name, DType dtype, long... shape) {
        requireOpen();
        if (file != null) {
            throw new IllegalStateException("tensors have been handed out, expected all declarations before");
        }
        if (name.equals(Header.METADATA) || declarations.containsKey(name)) {
            throw new IllegalArgumentException("name is \"" + name + "\", expected one that is not taken");
        }
        if (name.length() > Header.MOST_NAME_CHARACTERS) {
            throw new IllegalArgumentException(
                    "name has " + name.length() + " characters, expected at most " + Header.MOST_NAME_CHARACTERS);
        }
        long bytes = byteSize(name, dtype, shape);
        if (totalBytes + bytes < 0) {
            throw new IllegalArgumentException("shape of \"" + name + "\" is " + Arrays.toString(shape)
                    + ", expected fewer than 2^63 bytes of all tensors together");
        }
        totalBytes += bytes;
        declarations.put(name, new Declaration(dtype, shape.clone(), bytes));
        return this;
    }

    /**
     * A declared tensor: a writable view of the file to be, zero until written.
     *
     * @param name its name
     * @return the view, valid until {@link #commit} or {@link #close}
     * @throws IOException if the temporary file cannot be made, for want of space for instance
     * @throws IllegalArgumentException if no such tensor was declared
     */
    public Tensor tensor(String name) throws IOException {
        requireOpen();
        layOut();
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(
                    "name is \"" + name + "\", expected a declared one of " + declarations.keySet());
        }
        return tensor;
    }

    /**
     * Forces the data to the disk and renames the file to its target. The tensors cannot be used any more.
     *
     * @throws IOException if that fails; the target is as before then
     * @throws IllegalStateException if a run uses one of the tensors, or the writer is closed
     */
    public void commit() throws IOException {
        requireOpen();
        layOut().moveTo(target);
        closed = true;
    }

    /**
     * Without commit, deletes the temporary file. Idempotent.
     *
     * @throws IOException if it cannot be deleted
     * @throws IllegalStateException if a run uses one of the tensors
     */
    @Override
    public void close() throws IOException {
        if (!closed && file != null) {
            file.delete();
        }
        closed = true;
    }

    /** Shape and size of a tensor before it has a place. */
    private record Declaration(DType dtype, long[] shape, long byteSize) {}

    private PartialFile layOut() throws IOException {
        if (file == null) {
            Map<String, TensorEntry> entries = entries();
            file = PartialFile.create(target, header(entries), totalBytes);
            for (Map.Entry<String, TensorEntry> named : entries.entrySet()) {
                TensorEntry entry = named.getValue();
                DType dtype = declarations.get(named.getKey()).dtype();
                tensors.put(named.getKey(), Tensor.wrap(file.data(entry.begin(), entry.end()), dtype, entry.shape()));
            }
        }
        return file;
    }

    /** Wide elements first: so all are aligned without gaps, which the format forbids. */
    private Map<String, TensorEntry> entries() {
        List<Map.Entry<String, Declaration>> ordered = declarations.entrySet().stream()
                .sorted(Comparator.comparingInt(
                        named -> -named.getValue().dtype().byteSize()))
                .toList();
        Map<String, TensorEntry> entries = new LinkedHashMap<>();
        long begin = 0;
        for (Map.Entry<String, Declaration> named : ordered) {
            Declaration declaration = named.getValue();
            long end = begin + declaration.byteSize();
            entries.put(named.getKey(), new TensorEntry(declaration.dtype().name(), declaration.shape(), begin, end));
            begin = end;
        }
        return entries;
    }

    private static byte[] header(Map<String, TensorEntry> entries) throws IOException {
        try {
            return HeaderWriter.write(entries);
        } catch (NoClassDefFoundError e) {
            throw JsonAbsent.exception(e);
        }
    }

    private static long byteSize(String name, DType dtype, long[] shape) {
        long bytes = dtype.byteSize();
        for (long size : shape) {
            if (size < 0 || Math.multiplyHigh(bytes, size) != 0 || bytes * size < 0) {
                throw new IllegalArgumentException("shape of \"" + name + "\" is " + Arrays.toString(shape)
                        + ", expected sizes of at least 0 and fewer than 2^63 bytes");
            }
            bytes *= size;
        }
        if (shape.length == 0) {
            throw new IllegalArgumentException("shape of \"" + name + "\" is [], expected at least one axis");
        }
        return bytes;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the writer is closed, expected an open one");
        }
    }
}
