package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.commandline.CommandLine.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** docs/benchmarks.md is what the command in it makes of the committed result file. */
class BenchmarksPageTest {
    private static final Path ROOT = Path.of(System.getProperty("moba4j.root"));
    private static final Pattern COMMAND = Pattern.compile("Made by `\\./moba (bench --report (\\S+) --plot (\\S+))`");

    @TempDir
    Path directory;

    @Test
    void isWhatItsCommandMakes() throws IOException {
        String page = Files.readString(ROOT.resolve("docs/benchmarks.md"));
        Matcher command = COMMAND.matcher(page);
        assertThat(command.find()).as("the page names its command").isTrue();
        Path result = Path.of(command.group(2));
        Files.createDirectories(directory.resolve(result).getParent());
        Files.copy(ROOT.resolve(result), directory.resolve(result));
        Result made = moba(directory, (Object[]) command.group(1).split(" "));
        assertThat(made.status()).as("%s", made).isZero();
        assertThat(made.out()).isEqualTo(page);
        assertThat(directory.resolve(command.group(3)).toFile().list())
                .as("pictures made")
                .allSatisfy(name ->
                        assertThat(ROOT.resolve(command.group(3)).resolve(name)).exists());
    }
}
