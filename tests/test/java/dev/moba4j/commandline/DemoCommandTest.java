package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.commandline.CommandLine.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** {@code moba demo} on a short context: every needle comes back, and pictures and page are there. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class DemoCommandTest {
    @TempDir
    Path directory;

    @Test
    void findsEveryNeedleAndMakesAPage() throws IOException {
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
        assertThat(result.out()).contains("full attention", "MoBA, native", "MoBA, vector", "times as fast");
        for (String picture : List.of("selection-map.png", "time.png", "native-and-java.png")) {
            assertThat(ImageIO.read(output(picture).toFile())).as(picture).isNotNull();
        }
        String page = Files.readString(output("index.html"));
        assertThat(page.split("<img alt=\"[^\"]+\" src=\"data:image/png;base64,"))
                .hasSize(1 + 3);
        assertThat(page).as("a page that needs nothing beside itself").doesNotContain("src=\"http", "href=", "url(");
        needles.forEach(row -> assertThat(page).contains("<td>" + row.split("[│ ]+")[1] + "</td>"));
    }

    @Test
    void leavesOutTheComparisonOfBackendsWhereThereIsOne() throws IOException {
        Result result = moba(directory, "demo", "--tokens", 5000, "--backend", "vector", "--threads", 2, "--quiet");
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.out())
                .contains("MoBA, vector", "this ran on the backend vector")
                .doesNotContain("MoBA, native");
        assertThat(output("native-and-java.png")).doesNotExist();
        assertThat(Files.readString(output("index.html"))).contains("this ran on the backend vector");
    }

    private Path output(String name) {
        return directory.resolve("demo-output").resolve(name);
    }

    @Test
    void refusesContextsTooShortForIt() {
        Result result = moba(directory, "demo", "--tokens", 7);
        assertThat(result.status()).as("%s", result).isEqualTo(2);
        assertThat(result.err()).hasLineCount(1).contains("--tokens", "7");
    }
}
