package dev.moba4j.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.Sentences;
import dev.moba4j.Tensor;
import dev.moba4j.files.RawSafetensors.Entry;
import dev.moba4j.oracle.Numerics;
import dev.moba4j.oracle.Problem;
import dev.moba4j.safetensors.SafetensorsFile;
import dev.moba4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing safetensors files: tensors are filled in place, the file appears whole or not at all. */
class SafetensorsWriterTest {
    @TempDir
    Path directory;

    @Test
    void writesWhatWasDeclaredWhereItWasFilled() throws IOException {
        Path path = directory.resolve("Y");
        try (SafetensorsWriter writer = SafetensorsWriter.create(path)) {
            writer.declare("half", DType.F16, 3)
                    .declare("wide", DType.I64, 2)
                    .declare("single", DType.F32, 1, 2)
                    .declare("brain", DType.BF16, 1)
                    .declare("index", DType.I32, 2)
                    .declare("empty", DType.F32, 0, 4);
            for (int i = 0; i < 3; i++) {
                writer.tensor("half").setFloat(i - 0.5f, i);
            }
            writer.tensor("wide").setLong(1L << 40, 1);
            writer.tensor("single").setFloat(3.25f, 0, 1);
            writer.tensor("brain").setFloat(-2, 0);
            writer.tensor("index").setLong(-1, 0);
            writer.commit();
        }
        Map<String, Entry> tensors = RawSafetensors.read(path);
        assertThat(tensors).containsOnlyKeys("half", "wide", "single", "brain", "index", "empty");
        assertThat(tensors.get("half").floats()).containsExactly(-0.5f, 0.5f, 1.5f);
        assertThat(tensors.get("single").floats()).containsExactly(0, 3.25f);
        assertThat(tensors.get("single").shape()).containsExactly(1, 2);
        assertThat(tensors.get("brain").floats()).containsExactly(-2);
        assertThat(tensors.get("index").ints()).containsExactly(-1, 0);
        assertThat(tensors.get("empty").shape()).containsExactly(0, 4);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor("wide").getLong(1)).isEqualTo(1L << 40);
            assertThat(file.tensor("half").segment().isMapped())
                    .as("own files are aligned")
                    .isTrue();
        }
        assertThat(contents()).containsExactly("Y");
    }

    @Test
    void attentionGoesFromFileToFile() throws IOException {
        Problem problem = Problem.shape(DType.BF16)
                .heads(4, 2)
                .lengths(40)
                .options(AttentionOptions.fullAttention())
                .normal(2);
        Path input = new RawSafetensors()
                .floats("q", DType.BF16, problem.q(), 40, 4, 8)
                .floats("k", DType.BF16, problem.k(), 40, 2, 8)
                .floats("v", DType.BF16, problem.v(), 40, 2, 8)
                .write(directory.resolve("X"));
        Path output = directory.resolve("Y");
        try (Engine engine = Engine.open();
                SafetensorsFile file = SafetensorsFile.open(input);
                SafetensorsWriter writer = SafetensorsWriter.create(output)) {
            writer.declare("o", DType.BF16, 40, 4, 8).declare("lse", DType.F32, 40, 4);
            engine.attend(
                    AttentionInputs.of(file.tensor("q"), file.tensor("k"), file.tensor("v")),
                    AttentionOutputs.of(writer.tensor("o"), writer.tensor("lse")),
                    problem.options());
            writer.commit();
        }
        Map<String, Entry> tensors = RawSafetensors.read(output);
        Numerics.assertAttention(
                problem, null, tensors.get("o").floats(), tensors.get("lse").floats());
    }

    @Test
    void leavesNothingWithoutCommit() throws IOException {
        Tensor tensor;
        try (SafetensorsWriter writer = SafetensorsWriter.create(directory.resolve("Y"))) {
            writer.declare("x", DType.F32, 1000);
            tensor = writer.tensor("x").fill(1);
            assertThat(Files.exists(directory.resolve("Y"))).as("before commit").isFalse();
        }
        assertThat(contents()).isEmpty();
        assertThatThrownBy(() -> tensor.getFloat(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void keepsAnExistingFileUntilCommit() throws IOException {
        Path path = Files.writeString(directory.resolve("Y"), "as it was");
        try (SafetensorsWriter writer = SafetensorsWriter.create(path)) {
            writer.declare("x", DType.F32, 1).tensor("x").setFloat(1, 0);
            assertThat(Files.readString(path)).isEqualTo("as it was");
        }
        assertThat(Files.readString(path)).isEqualTo("as it was");
        try (SafetensorsWriter writer = SafetensorsWriter.create(path)) {
            writer.declare("x", DType.F32, 1).tensor("x").setFloat(1, 0);
            writer.commit();
        }
        assertThat(RawSafetensors.read(path).get("x").floats()).containsExactly(1);
        assertThat(contents()).containsExactly("Y");
    }

    @Test
    void failedCommitLeavesNoPartialFile() throws IOException {
        Path path = Files.createDirectories(directory.resolve("Y").resolve("not empty"))
                .getParent();
        SafetensorsWriter writer = SafetensorsWriter.create(path);
        writer.declare("x", DType.F32, 1).tensor("x").setFloat(1, 0);
        assertThatThrownBy(writer::commit).isInstanceOf(IOException.class);
        writer.close();
        assertThat(contents()).containsExactly("Y");
    }

    @Test
    void missingFolderIsAnIoException() throws IOException {
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(directory.resolve("missing").resolve("Y"))) {
            writer.declare("x", DType.F32, 1);
            assertThatThrownBy(() -> writer.tensor("x")).isInstanceOf(IOException.class);
        }
        assertThat(contents()).isEmpty();
    }

    @Test
    void refusesNamesAndShapesThatCannotBe() throws IOException {
        try (SafetensorsWriter writer = SafetensorsWriter.create(directory.resolve("Y"))) {
            writer.declare("x", DType.F32, 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.declare("x", DType.F16, 1))
                    .satisfies(e -> Sentences.assertSentence(e, "x", "taken"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.declare("__metadata__", DType.F16, 1))
                    .satisfies(e -> Sentences.assertSentence(e, "__metadata__"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.declare("y", DType.F32, -1))
                    .satisfies(e -> Sentences.assertSentence(e, "y", "-1"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.declare("y", DType.F32, 1L << 40, 1L << 40))
                    .satisfies(e -> Sentences.assertSentence(e, "y", "2^63"));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.tensor("z"))
                    .satisfies(e -> Sentences.assertSentence(e, "z", "x"));
        }
    }

    @Test
    void namesAreEscaped() throws IOException {
        Path path = directory.resolve("Y");
        String name = "layer \"0\"\\q\n\u00e9\u4e16";
        try (SafetensorsWriter writer = SafetensorsWriter.create(path)) {
            writer.declare(name, DType.F32, 1).tensor(name).setFloat(4, 0);
            writer.commit();
        }
        assertThat(RawSafetensors.read(path)).containsOnlyKeys(name);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensor(name).getFloat(0)).isEqualTo(4);
        }
    }

    private Stream<String> contents() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }
}
