package dev.moba4j.cli;

import picocli.CommandLine.Command;

/** {@code moba install}: the library for other projects. */
@Command(
        name = "install",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Puts the library into the local Maven repository and prints the dependencies to paste.")
final class InstallCommand extends LauncherCommand {}
