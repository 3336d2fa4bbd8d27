package dev.moba4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;

/**
 * Files that a command writes: checked before any work is done, and written so that they appear whole or not at all.
 */
public final class OutputPaths {
    private OutputPaths() {}

    /** Says in one sentence why {@code file} could not be written, if that can be known now. */
    public static void requireWritable(String option, Path file) {
        if (file.toString().isEmpty()) {
            throw new BadInputException(option + " is empty, expected the path of a file");
        }
        Path folder = folderOf(file);
        if (!Files.isDirectory(folder)) {
            throw new BadInputException(option + " is " + file + ", but there is no folder " + folder
                    + "; expected a path in an existing folder");
        }
        if (!Files.isWritable(folder)) {
            throw new BadInputException(
                    option + " is " + file + ", but the folder " + folder + " is not writable; expected one that is");
        }
        if (Files.isDirectory(file)) {
            throw new BadInputException(option + " is " + file + ", a folder; expected the path of a file");
        }
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(file)) {
            throw new BadInputException(
                    option + " is " + file + ", which is not a regular file; expected a new path or a file to replace");
        }
    }

    /** Makes {@code folder} where there is none yet, or says in one sentence why nothing could be written to it. */
    public static void makeFolder(String option, Path folder) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new BadInputException(option + " is " + folder + ", a file; expected a folder, or nothing yet");
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new BadInputException(
                    option + " is " + folder + ", which cannot be made here; expected a folder, or a path for one");
        }
        requireWritable(option, folder.resolve("x"));
    }

    /** Two options may not name one file. */
    static void requireDifferent(String option, Path file, String otherOption, Path other) {
        if (samePlace(file, other)) {
            throw new BadInputException(
                    option + " and " + otherOption + " are both " + file + "; expected two different files");
        }
    }

    private static boolean samePlace(Path a, Path b) {
        try {
            if (Files.exists(a) && Files.exists(b)) {
                return Files.isSameFile(a, b);
            }
            return folderOf(a)
                    .toRealPath()
                    .resolve(a.getFileName())
                    .equals(folderOf(b).toRealPath().resolve(b.getFileName()));
        } catch (IOException e) {
            return a.toAbsolutePath().normalize().equals(b.toAbsolutePath().normalize());
        }
    }

    /** Writes {@code bytes} to a temporary file beside {@code file}, then renames it. */
    public static void write(Path file, byte[] bytes) {
        Path partial = folderOf(file).resolve(".moba4j-" + UUID.randomUUID() + ".part");
        try {
            try {
                Files.write(partial, bytes);
                Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path folderOf(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? file.toAbsolutePath() : parent;
    }
}
