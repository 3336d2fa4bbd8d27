package dev.moba4j.cli.bench;

import dev.moba4j.cli.Machine;
import dev.moba4j.cli.ProgramVersion;
import java.time.LocalDate;
import java.time.ZoneOffset;

/**
 * Where and when a suite was measured: a record of a result file.
 *
 * @param date ISO 8601, UTC
 * @param command what was typed
 * @param moba4j its version
 * @param java its name and version
 * @param processor in its vendor's words
 * @param processors usable ones
 * @param features of the processor that attention kernels care about
 * @param vectorBits width of Java's vectors, in which the peak is measured
 */
public record Setting(
        String date,
        String command,
        String moba4j,
        String java,
        String processor,
        long processors,
        String features,
        long vectorBits) {

    /** Here and now. */
    static Setting now(String command) {
        return new Setting(
                LocalDate.now(ZoneOffset.UTC).toString(),
                command,
                ProgramVersion.current(),
                Machine.java(),
                Machine.processor(),
                Machine.processors(),
                String.join(" ", Machine.features()),
                MultiplyAddPeak.bits());
    }
}
