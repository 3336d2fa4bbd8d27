package dev.moba4j.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IVersionProvider;

/** The version of this program, as its jar says. */
public final class ProgramVersion implements IVersionProvider {
    /** "0.1.0"; "unpackaged" when run from class files. */
    public static String current() {
        @Nullable String version = Main.class.getPackage().getImplementationVersion();
        return version == null ? "unpackaged" : version;
    }

    @Override
    public String[] getVersion() {
        return new String[] {"moba " + current()};
    }
}
