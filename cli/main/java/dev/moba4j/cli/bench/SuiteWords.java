package dev.moba4j.cli.bench;

import java.util.Arrays;
import java.util.Iterator;

/** The suites by their names on the command line. */
final class SuiteWords implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
        return Arrays.stream(Suite.values()).map(Suite::word).iterator();
    }
}
