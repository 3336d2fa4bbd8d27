package dev.moba4j.cli;

import picocli.CommandLine.Command;

/** {@code moba test}: the build and its tests. */
@Command(
        name = "test",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Builds everything and runs all tests: C++ formatting, native tests, Java tests.")
final class TestCommand extends LauncherCommand {}
