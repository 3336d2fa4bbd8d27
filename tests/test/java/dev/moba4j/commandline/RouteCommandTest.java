package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionOptions;
import dev.moba4j.DType;
import dev.moba4j.Routing;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.RawSafetensors;
import dev.moba4j.files.RawSafetensors.Entry;
import dev.moba4j.oracle.Problem;
import dev.moba4j.oracle.Routes;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Specification section 8: {@code moba route} and its picture. */
class RouteCommandTest {
    private static final Problem PROBLEM = Problem.shape(DType.BF16)
            .heads(4, 2)
            .dims(16, 16)
            .lengths(130, 40)
            .options(AttentionOptions.moba(8, 3).withRouting(Routing.PER_GROUP).withSinkBlocks(1))
            .normal(8);

    @TempDir
    Path directory;

    @Test
    void writesTheSelectionAloneAndAPicture() throws IOException {
        Path input = InputFiles.packed(PROBLEM, DType.I32).write(directory.resolve("X.safetensors"));
        Path output = directory.resolve("Y.safetensors");
        Path picture = directory.resolve("P.png");
        Result result = drawn(input, output, picture, 8, 3, "--routing", "group", "--sink-blocks", 1);
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).isEmpty();
        Map<String, Entry> tensors = RawSafetensors.read(output);
        assertThat(tensors).containsOnlyKeys("selected");
        assertThat(tensors.get("selected").shape()).containsExactly(170, 4, 3);
        Routes.assertSelection(PROBLEM, tensors.get("selected").ints(), 3);
        BufferedImage image = ImageIO.read(picture.toFile());
        assertThat(image).as("picture").isNotNull();
        assertThat(image.getWidth()).isGreaterThan(100);
        assertThat(colours(image)).as("colours of the picture").isGreaterThan(2);
    }

    private Result drawn(Path input, Path output, Path picture, int blockSize, int topK, Object... more) {
        List<Object> arguments =
                new ArrayList<>(List.of("route", "--input", input, "--output", output, "--picture", picture));
        arguments.addAll(List.of("--block-size", blockSize, "--top-k", topK));
        arguments.addAll(List.of(more));
        return moba(directory, arguments.toArray());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void drawsAnyNumberOfHeads(int heads) throws IOException {
        Path input = new RawSafetensors()
                .floats("q", DType.F32, new float[9 * heads * 4], 9, heads, 4)
                .floats("k", DType.F32, new float[9 * 4], 9, 1, 4)
                .write(directory.resolve("X.safetensors"));
        Path output = directory.resolve("Y.safetensors");
        Path picture = directory.resolve("P.png");
        Result result = drawn(input, output, picture, 2, 2);
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(colours(ImageIO.read(picture.toFile()))).isGreaterThan(2);
    }

    @Test
    void doesNotNeedV() {
        Path input = new RawSafetensors()
                .floats("q", PROBLEM.dtype(), PROBLEM.q(), 170, 4, 16)
                .floats("k", PROBLEM.dtype(), PROBLEM.k(), 170, 2, 16)
                .integers("cu_seqlens_k", DType.I64, PROBLEM.cuSeqlensK(), 3)
                .write(directory.resolve("X.safetensors"));
        Path output = directory.resolve("Y.safetensors");
        Result result = moba(
                directory,
                "route",
                "--input",
                input,
                "--output",
                output,
                "--block-size",
                8,
                "--top-k",
                3,
                "--routing",
                "group",
                "--sink-blocks",
                1);
        assertThat(result.status()).as("%s", result).isZero();
        Routes.assertSelection(
                PROBLEM, RawSafetensors.read(output).get("selected").ints(), 3);
    }

    private static long colours(BufferedImage image) {
        return IntStream.range(0, image.getWidth() * image.getHeight())
                .map(i -> image.getRGB(i % image.getWidth(), i / image.getWidth()))
                .distinct()
                .count();
    }
}
