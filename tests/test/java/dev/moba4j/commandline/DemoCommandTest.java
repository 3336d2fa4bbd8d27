package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.commandline.CommandLine.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** {@code moba demo} on a short context: every needle comes back, and the pictures are there. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class DemoCommandTest {
    @TempDir
    Path directory;

    @Test
    void findsEveryNeedleAndDrawsPictures() throws IOException {
        Result result = moba(directory, "demo", "--tokens", 4096, "--quiet");
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).isEmpty();
        List<String> needles = result.out()
                .lines()
                .filter(line -> line.contains("yes") || line.contains(" no"))
                .toList();
        assertThat(needles).as("rows of needles in\n%s", result.out()).hasSizeGreaterThan(4);
        assertThat(needles.stream().filter(line -> line.contains("no") && !line.contains("nowhere")))
                .as("needles that were not found")
                .isEmpty();
        assertThat(result.out()).contains("full attention", "MoBA", "speedup", "largest difference");
        try (Stream<Path> pictures = Files.list(directory.resolve("demo-output"))) {
            List<Path> files = pictures.toList();
            assertThat(files).isNotEmpty();
            for (Path file : files) {
                assertThat(ImageIO.read(file.toFile())).as("%s", file).isNotNull();
            }
        }
    }

    @Test
    void refusesContextsTooShortForIt() {
        Result result = moba(directory, "demo", "--tokens", 7);
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err()).hasLineCount(1).contains("--tokens", "7");
    }
}
