package dev.moba4j.commandline;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the launcher at the repository root as a user does, on what has been built. */
final class CommandLine {
    private static final Path LAUNCHER = Path.of(System.getProperty("moba4j.root"))
            .toAbsolutePath()
            .normalize()
            .resolve("moba");

    private CommandLine() {}

    /** How a command ended. */
    record Result(List<String> command, int status, String out, String err) {
        @Override
        public String toString() {
            return command + " ended with " + status + "\nstdout:\n" + out + "stderr:\n" + err;
        }
    }

    /** Runs {@code ./moba} in {@code directory} with {@code arguments}, standard streams not a terminal. */
    static Result moba(Path directory, Object... arguments) {
        List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return run(directory, command);
    }

    private static Result run(Path directory, List<String> command) {
        try {
            File out = Files.createTempFile("moba-out", null).toFile();
            File err = Files.createTempFile("moba-err", null).toFile();
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectOutput(out)
                    .redirectError(err);
            builder.environment().put("MOBA_NO_BUILD", "1");
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(120, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError("did not end within two minutes: " + command);
            }
            Result result = new Result(
                    command,
                    process.exitValue(),
                    Files.readString(out.toPath(), StandardCharsets.UTF_8),
                    Files.readString(err.toPath(), StandardCharsets.UTF_8));
            Files.delete(out.toPath());
            Files.delete(err.toPath());
            return result;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
