package dev.moba4j.cli;

import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Entry of the command line. Exit status: 0 done; 2 bad usage or bad input; 1 anything else. */
public final class Main {
    private static final int BAD = 2;
    private static final int FAILED = 1;

    /** Commands of the specification that this version lacks, and what they will do. */
    private static final Map<String, String> ABSENT = Map.of("backward", "gradients are not computed");

    private Main() {}

    /** Runs one command and ends the process. */
    public static void main(String[] args) {
        useOwnStandardError();
        int status = run(args);
        if (System.out.checkError()) {
            System.err.println("moba: writing to the standard output failed");
            status = Math.max(status, FAILED);
        }
        System.exit(status);
    }

    /** The launcher filters what the JVM itself writes to stderr; what this program writes goes past that filter. */
    private static void useOwnStandardError() {
        String path = System.getProperty("moba.stderr");
        if (path != null) {
            try {
                System.setErr(new PrintStream(new FileOutputStream(path, true), true, StandardCharsets.UTF_8));
            } catch (FileNotFoundException e) {
                // A socket cannot be opened again; then the filter is on the way.
            }
        }
    }

    /**
     * Runs one command.
     *
     * @return the exit status
     */
    public static int run(String... args) {
        CommandLine moba = new CommandLine(new MobaCommand())
                .setExpandAtFiles(false)
                .setUsageHelpWidth(100)
                .setParameterExceptionHandler(Main::badUsage)
                .setExecutionExceptionHandler(Main::failed);
        try {
            return moba.execute(args);
        } catch (OutOfMemoryError e) {
            return say(moba, "not enough memory: " + e.getMessage(), FAILED);
        } catch (LinkageError e) {
            return say(moba, "a part of Java or of this program does not load here: " + e.getMessage(), FAILED);
        }
    }

    private static int badUsage(ParameterException failure, String[] args) {
        CommandLine command = failure.getCommandLine();
        boolean unknownCommand = failure instanceof UnmatchedArgumentException
                && command.getParent() == null
                && !args[0].startsWith("-");
        String sentence = unknownCommand ? unknownCommand(args[0], command) : failure.getMessage();
        return say(command, sentence + " (see " + command.getCommandSpec().qualifiedName() + " --help)", BAD);
    }

    private static String unknownCommand(String name, CommandLine moba) {
        String reason = ABSENT.get(name);
        return reason == null
                ? "there is no command '" + name + "'; expected one of " + MobaCommand.names(moba)
                : name + " does not exist in this version: " + reason;
    }

    private static int failed(Exception failure, CommandLine command, ParseResult parsed) {
        boolean bad = failure instanceof BadInputException || failure instanceof IllegalArgumentException;
        return say(command, Sentence.of(failure), bad ? BAD : FAILED);
    }

    private static int say(CommandLine command, String sentence, int status) {
        System.err.println(command.getCommandSpec().qualifiedName() + ": " + sentence.replaceAll("\\s*\\R\\s*", " "));
        return status;
    }
}
