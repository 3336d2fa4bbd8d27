package dev.moba4j.cli;

import dev.moba4j.MobaException;
import dev.moba4j.npy.NpyException;
import dev.moba4j.safetensors.SafetensorsException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/** What went wrong, in one sentence a user can act on. */
final class Sentence {
    private Sentence() {}

    static String of(Exception failure) {
        return switch (failure) {
            case UncheckedIOException io -> ofFile(io.getCause());
            case IOException io -> ofFile(io);
            case BadInputException bad -> bad.getMessage();
            case FailedException failed -> failed.getMessage();
            case MobaException moba -> moba.getMessage();
            case SafetensorsException file -> file.getMessage();
            case NpyException file -> file.getMessage();
            case IllegalArgumentException bad ->
                bad.getMessage() == null ? bad.toString() : Words.ofCommandLine(bad.getMessage());
            default -> "internal error: " + failure;
        };
    }

    private static String ofFile(IOException failure) {
        if (failure instanceof NoSuchFileException gone) {
            return gone.getFile() + " does not exist";
        }
        if (failure instanceof AccessDeniedException denied) {
            return denied.getFile() + ": permission denied";
        }
        return "reading or writing failed: " + (failure.getMessage() == null ? failure : failure.getMessage());
    }
}
