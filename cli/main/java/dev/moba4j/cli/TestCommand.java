package dev.moba4j.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code moba test}: the build and its tests. */
@Command(
        name = "test",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Builds everything and runs all tests: C++ formatting, native tests, fuzzers, Java tests.")
final class TestCommand extends LauncherCommand {
    private static final int MOST_SECONDS = 9_999_999;

    @Option(
            names = "--fuzz",
            paramLabel = "SECONDS",
            converter = WholeNumber.class,
            description = "Run the fuzzers alone, each for so long.")
    private @Nullable Long seconds;

    @Override
    public void run() {
        if (seconds != null) {
            WholeNumber.within(1, MOST_SECONDS, "--fuzz", seconds);
        }
        super.run();
    }
}
