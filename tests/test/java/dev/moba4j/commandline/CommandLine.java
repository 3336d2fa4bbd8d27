package dev.moba4j.commandline;

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

    /** A command under way; its output goes to files. */
    record Running(List<String> command, Process process, Path outFile, Path errFile) {

        String err() {
            return read(errFile);
        }

        /** Waits until the command ends. */
        Result await() throws InterruptedException {
            if (!process.waitFor(120, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError("did not end within two minutes: " + command);
            }
            Result result = new Result(command, process.exitValue(), read(outFile), err());
            outFile.toFile().delete();
            errFile.toFile().delete();
            return result;
        }

        private static String read(Path file) {
            try {
                return Files.readString(file, StandardCharsets.UTF_8);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Runs {@code ./moba} in {@code directory} with {@code arguments}, standard streams not a terminal. */
    static Result moba(Path directory, Object... arguments) {
        try {
            return start(directory, arguments).await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Starts what {@link #moba} runs. */
    static Running start(Path directory, Object... arguments) {
        List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        try {
            Path out = Files.createTempFile("moba-out", null);
            Path err = Files.createTempFile("moba-err", null);
            ProcessBuilder builder = new ProcessBuilder(command)
                    .directory(directory.toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile());
            builder.environment().put("MOBA_NO_BUILD", "1");
            Process process = builder.start();
            process.getOutputStream().close();
            return new Running(command, process, out, err);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
