package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A safetensors file that holds the inputs of an operation; tensors are views of the mapped file. */
final class InputFile implements AutoCloseable {
    private final Path path;
    private final SafetensorsFile file;

    private InputFile(Path path, SafetensorsFile file) {
        this.path = path;
        this.file = file;
    }

    /** Maps the file; the caller closes it. */
    static InputFile open(Path path) throws IOException {
        if (!Files.exists(path)) {
            throw new BadInputException("--input is " + path + ", which does not exist; expected a safetensors file");
        }
        if (!Files.isRegularFile(path)) {
            throw new BadInputException(
                    "--input is " + path + ", which is not a regular file; expected a safetensors file");
        }
        if (!Files.isReadable(path)) {
            throw new BadInputException(
                    "--input is " + path + ", which may not be read; expected a readable safetensors file");
        }
        return new InputFile(path, SafetensorsFile.open(path));
    }

    boolean holdsSelection() {
        return file.contains("selected");
    }

    /** The given selection, {@code [Tq, H, K']} I32. */
    Tensor selection() {
        Tensor selected = file.tensor("selected");
        if (selected.dtype() != DType.I32) {
            throw new BadInputException(path + ": selected has dtype " + selected.dtype() + ", expected I32");
        }
        if (selected.rank() != 3 || selected.dim(2) < 1) {
            throw new BadInputException(path + ": selected has shape " + Arrays.toString(selected.shape())
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
        if (!file.contains(name) && file.contains("k_pages")) {
            throw new BadInputException(path + " holds a paged key-value cache (k_pages), which this version cannot"
                    + " read; expected k and v");
        }
        Tensor tensor = file.tensor(name);
        if (!tensor.dtype().isFloatingPoint()) {
            throw new BadInputException(
                    path + ": " + name + " has dtype " + tensor.dtype() + ", expected F32, F16 or BF16");
        }
        if (tensor.rank() != 3) {
            throw new BadInputException(
                    path + ": " + name + " has " + tensor.rank() + " axes, expected 3: tokens, heads, channels");
        }
        return tensor;
    }

    private @Nullable Tensor optional(String name) {
        return file.contains(name) ? file.tensor(name) : null;
    }

    @Override
    public void close() {
        file.close();
    }
}
