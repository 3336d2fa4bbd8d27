package dev.moba4j.cli;

import picocli.CommandLine.Command;

/** {@code moba test}: named here for the help; the launcher runs the build and its tests itself. */
@Command(
        name = "test",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Builds everything and runs all tests: C++ formatting, native tests, Java tests.")
final class TestCommand implements Runnable {
    @Override
    public void run() {
        throw new BadInputException("the tests are run by the launcher; expected ./moba test in the project's folder");
    }
}
