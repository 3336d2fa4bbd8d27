package dev.moba4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The most memory this process has had resident, mapped files included, as the kernel counts it. */
public final class PeakMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private static final Path RESTART = Path.of("/proc/self/clear_refs");
    private static final String RESIDENT = "5";

    private PeakMemory() {}

    /** Forgets what was before; where the kernel does not allow that, it counts on. */
    public static void restart() {
        try {
            Files.writeString(RESTART, RESIDENT);
        } catch (IOException e) {
            return; // a sandbox without that file: the peak since the start is an upper bound
        }
    }

    /** Bytes. */
    public static long bytes() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmHWM:")) {
                    return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
        } catch (IOException e) {
            throw new FailedException("peak memory cannot be read from " + STATUS + ": " + e.getMessage());
        }
        throw new FailedException("peak memory cannot be read: " + STATUS + " has no VmHWM");
    }
}
