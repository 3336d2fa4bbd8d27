package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.npy.NpyFile;
import dev.moba4j.safetensors.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The inputs of an operation: a safetensors file, or .npy files. Tensors are views of mapped files. */
final class InputFile implements AutoCloseable {
    private final String origin;
    private final Predicate<String> names;
    private final Function<String, Tensor> tensors;
    private final Runnable close;

    private InputFile(String origin, Predicate<String> names, Function<String, Tensor> tensors, Runnable close) {
        this.origin = origin;
        this.names = names;
        this.tensors = tensors;
        this.close = close;
    }

    /** Maps a safetensors file; the caller closes it. */
    static InputFile open(Path path) throws IOException {
        requireReadable("--input", path, "safetensors");
        SafetensorsFile file = SafetensorsFile.open(path);
        return new InputFile(path.toString(), file::contains, file::tensor, file::close);
    }

    /** Maps .npy files, by option: "--q" holds the tensor q; the caller closes it. */
    static InputFile ofArrays(Map<String, Path> files) throws IOException {
        Map<String, Tensor> arrays = new HashMap<>();
        Arena arena = Arena.ofShared();
        try {
            for (Map.Entry<String, Path> option : files.entrySet()) {
                requireReadable(option.getKey(), option.getValue(), ".npy");
                arrays.put(option.getKey().replace("--", ""), NpyFile.map(arena, option.getValue()));
            }
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
        return new InputFile(String.join(", ", files.keySet()), arrays::containsKey, arrays::get, arena::close);
    }

    private static void requireReadable(String option, Path path, String kind) {
        String problem = !Files.exists(path)
                ? "which does not exist; expected a "
                : !Files.isRegularFile(path)
                        ? "which is not a regular file; expected a "
                        : Files.isReadable(path) ? null : "which may not be read; expected a readable ";
        if (problem != null) {
            throw new BadInputException(option + " is " + path + ", " + problem + kind + " file");
        }
    }

    boolean holdsSelection() {
        return names.test("selected");
    }

    /** The given selection, {@code [Tq, H, K']} I32. */
    Tensor selection() {
        Tensor selected = tensors.apply("selected");
        if (selected.dtype() != DType.I32) {
            throw new BadInputException(origin + ": selected has dtype " + selected.dtype() + ", expected I32");
        }
        if (selected.rank() != 3 || selected.dim(2) < 1) {
            throw new BadInputException(origin + ": selected has shape " + Arrays.toString(selected.shape())
                    + ", expected [Tq, H, K'] with K' of at least 1");
        }
        return selected;
    }

    /** q, k, v and, where present, cu_seqlens of attention. */
    AttentionInputs attentionInputs() {
        Tensor q = tokens("q");
        Tensor k = tokens("k");
        return new AttentionInputs(q, k, tokens("v"), optional("cu_seqlens_q"), optional("cu_seqlens_k"));
    }

    /** q, k and, where present, cu_seqlens; v is not looked at. */
    AttentionInputs routingInputs() {
        return new AttentionInputs(tokens("q"), tokens("k"), null, optional("cu_seqlens_q"), optional("cu_seqlens_k"));
    }

    private Tensor tokens(String name) {
        if (!names.test(name) && names.test("k_pages")) {
            throw new BadInputException(origin + " holds a paged key-value cache (k_pages), which this version cannot"
                    + " read; expected k and v");
        }
        Tensor tensor = tensors.apply(name);
        if (!tensor.dtype().isFloatingPoint()) {
            throw new BadInputException(
                    origin + ": " + name + " has dtype " + tensor.dtype() + ", expected F32, F16 or BF16");
        }
        if (tensor.rank() != 3) {
            throw new BadInputException(
                    origin + ": " + name + " has " + tensor.rank() + " axes, expected 3: tokens, heads, channels");
        }
        return tensor;
    }

    private @Nullable Tensor optional(String name) {
        return names.test(name) ? tensors.apply(name) : null;
    }

    @Override
    public void close() {
        close.run();
    }
}
