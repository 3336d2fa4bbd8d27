package dev.moba4j.commandline;

import static dev.moba4j.commandline.CommandLine.moba;
import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.Engine;
import dev.moba4j.commandline.CommandLine.Result;
import dev.moba4j.files.JsonText;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Specification section 8: {@code moba info} and {@code --help}, on stdout and nothing on stderr. */
class InfoAndHelpTest {
    @TempDir
    Path directory;

    @Test
    void infoNamesEveryBackendAndItsState() {
        Result result = moba(directory, "info");
        assertDone(result);
        Engine.backends().forEach(status -> assertThat(result.out()).contains(status.name()));
        assertThat(result.out()).contains("0.1.0");
    }

    @Test
    void infoAsJsonSaysTheSame() {
        Result result = moba(directory, "info", "--json");
        assertDone(result);
        Map<String, Object> info = JsonText.object(result.out());
        List<?> backends = (List<?>) info.get("backends");
        assertThat(backends).hasSameSizeAs(Engine.backends());
        Engine.backends().forEach(status -> assertThat(backends).anySatisfy(backend -> {
            Map<?, ?> fields = (Map<?, ?>) backend;
            assertThat(fields.get("name")).isEqualTo(status.name());
            assertThat(fields.get("available")).isEqualTo(status.available());
            assertThat((String) fields.get("detail")).isNotBlank();
        }));
    }

    @ParameterizedTest
    @CsvSource({
        "--help, attend route bench info demo test",
        "attend --help, --input --output --block-size --top-k --full --no-causal --backend --device --threads --softmax-scale"
                + " --selection-out --routing --sink-blocks --local-blocks --repeat --stats --quiet",
        "route --help, --input --output --block-size --top-k --no-causal --backend --device --threads --routing --sink-blocks"
                + " --local-blocks --picture --repeat --stats --quiet",
        "bench --help, --suite quick full peers scaling decode --case --seconds --threads --json --plot --report --quiet",
        "info --help, --json",
        "demo --help, demo",
        "test --help, test --fuzz"
    })
    void helpNamesWhatThereIs(String arguments, String names) {
        Result result = moba(directory, (Object[]) arguments.split(" "));
        assertDone(result);
        assertThat(result.out()).contains(names.split(" "));
    }

    @Test
    void completionIsAScriptForShells() {
        Result result = moba(directory, "generate-completion");
        assertDone(result);
        assertThat(result.out())
                .contains(
                        "_complete_moba",
                        "--block-size",
                        "demo",
                        "\"quick\" \"full\" \"peers\" \"scaling\" \"decode\"");
    }

    @Test
    void versionIsOnStdout() {
        Result result = moba(directory, "--version");
        assertDone(result);
        assertThat(result.out()).contains("0.1.0");
    }

    private static void assertDone(Result result) {
        assertThat(result.status()).as("%s", result).isZero();
        assertThat(result.err()).as("stderr").isEmpty();
        assertThat(result.out()).isNotBlank();
    }
}
