package dev.moba4j.internal.ffm;

import dev.moba4j.DeviceException;
import dev.moba4j.EngineBusyException;
import dev.moba4j.EngineClosedException;
import dev.moba4j.MobaException;
import dev.moba4j.MobaOutOfMemoryException;
import dev.moba4j.RunCancelledException;
import dev.moba4j.bindings.MobaLibrary;

/** Turns a status of the library, and its sentence, into the exception that stands for it. */
final class NativeStatus {
    private NativeStatus() {}

    /** Throws unless the status is MOBA_OK. To be called on the thread that got the status, right after. */
    static void check(int status) {
        if (status != MobaLibrary.MOBA_OK()) {
            throw exception(status, MobaLibrary.moba_last_error().getString(0));
        }
    }

    private static RuntimeException exception(int status, String message) {
        if (status == MobaLibrary.MOBA_INVALID_ARGUMENT()) {
            return new IllegalArgumentException(message);
        }
        if (status == MobaLibrary.MOBA_OUT_OF_MEMORY()) {
            return new MobaOutOfMemoryException(message);
        }
        if (status == MobaLibrary.MOBA_CANCELLED()) {
            return new RunCancelledException(message);
        }
        if (status == MobaLibrary.MOBA_CLOSED()) {
            return new EngineClosedException(message);
        }
        if (status == MobaLibrary.MOBA_BUSY()) {
            return new EngineBusyException(message);
        }
        if (status == MobaLibrary.MOBA_DEVICE_ERROR()) {
            return new DeviceException(message);
        }
        return new MobaException(MobaLibrary.moba_status_name(status).getString(0) + ": " + message);
    }
}
