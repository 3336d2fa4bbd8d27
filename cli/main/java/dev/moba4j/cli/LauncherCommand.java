package dev.moba4j.cli;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command that the launcher carries out itself; named here for the help. */
abstract class LauncherCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        String command = spec.name();
        throw new BadInputException(
                command + " is done by the launcher; expected ./moba " + command + " in the project's folder");
    }
}
