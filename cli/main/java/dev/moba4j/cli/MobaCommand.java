package dev.moba4j.cli;

import dev.moba4j.cli.bench.BenchCommand;
import dev.moba4j.cli.demo.DemoCommand;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code moba}: the list of commands. */
@Command(
        name = "moba",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Mixture of Block Attention (arXiv 2502.13189) on the CPU, or on a CUDA device.",
        subcommands = {
            DemoCommand.class,
            AttendCommand.class,
            RouteCommand.class,
            BenchCommand.class,
            InfoCommand.class,
            InstallCommand.class,
            TestCommand.class,
            GenerateCompletion.class
        },
        footer = {"", "Exit status: 0 done; 2 bad usage or bad input; 1 anything else."})
final class MobaCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a command is missing; expected one of " + names(spec.commandLine()));
    }

    /** The commands, for a sentence. */
    static String names(CommandLine moba) {
        return String.join(", ", moba.getSubcommands().keySet());
    }
}
