package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import dev.moba4j.files.RawNpy;
import dev.moba4j.npy.NpyException;
import dev.moba4j.npy.NpyFile;
import dev.moba4j.safetensors.SafetensorsException;
import dev.moba4j.safetensors.SafetensorsFile;
import dev.moba4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Examples of tensors in files. */
class FileSnippetTest extends SnippetTensors {
    @TempDir
    Path folder;

    @Test
    void mapsNpy() throws IOException {
        new RawNpy().floats(q.toFloats(), 16, 4, 8).write(folder.resolve("q.npy"));
        // @start region="npy"
        Tensor queries = NpyFile.map(arena, folder.resolve("q.npy")); // as numpy.save wrote it
        engine.attend(AttentionInputs.of(queries, k, v), AttentionOutputs.of(o), AttentionOptions.moba(4, 2));
        // @end
        assertThat(queries.toFloats()).isEqualTo(q.toFloats());
        assertThat(o.toFloats()).isNotEqualTo(new float[16 * 4 * 8]);
    }

    @Test
    void refusesWhatIsNoNpy() throws IOException {
        Path file = Files.writeString(folder.resolve("q.npy"), "no array");
        String message = "";
        // @start region="npy-exception"
        try {
            NpyFile.map(arena, file);
        } catch (NpyException e) {
            message = e.getMessage(); // q.npy does not begin like a .npy file, expected one that numpy.save wrote
        }
        // @end
        assertThat(message).endsWith("q.npy does not begin like a .npy file, expected one that numpy.save wrote");
    }

    @Test
    void writesAndReadsSafetensors() throws IOException {
        Path target = folder.resolve("y.safetensors");
        // @start region="write"
        try (SafetensorsWriter writer = SafetensorsWriter.create(target).declare("o", DType.F32, 16, 4, 8)) {
            AttentionOutputs outputs = AttentionOutputs.of(writer.tensor("o")); // lies in the file to be
            engine.attend(AttentionInputs.of(q, k, v), outputs, AttentionOptions.moba(4, 2));
            writer.commit(); // only now is there a file of that name
        }
        // @end
        float first;
        // @start region="read"
        try (SafetensorsFile file = SafetensorsFile.open(target)) {
            Tensor attended = file.tensor("o"); // a view of the mapped file
            first = attended.getFloat(0, 0, 0);
        }
        // @end
        assertThat(first).isEqualTo(v.getFloat(0, 0, 0));
    }

    @Test
    void namesTheTensorThatIsMissing() throws IOException {
        Path path = folder.resolve("x.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(path).declare("q", DType.F32, 1)) {
            writer.commit();
        }
        String message = "";
        // @start region="safetensors-exception"
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            file.tensor("k");
        } catch (SafetensorsException e) {
            message = e.getMessage(); // x.safetensors: there is no tensor "k"; it holds "q"
        }
        // @end
        assertThat(message).contains("x.safetensors: there is no tensor \"k\"; it holds ");
    }
}
