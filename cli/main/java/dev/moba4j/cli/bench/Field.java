package dev.moba4j.cli.bench;

import java.util.Set;

/** Who takes part in a case beside native code, which always does. */
enum Field {
    /** Java on the Vector API. */
    VECTOR,
    /** Plain Java. */
    SCALAR,
    /** Other programs. */
    PEERS;

    /** Whether a contender is one of these. */
    static boolean has(Set<Field> fields, Contender contender) {
        return contender.equals(LibraryContender.NATIVE) || fields.contains(of(contender));
    }

    private static Field of(Contender contender) {
        if (contender.equals(LibraryContender.VECTOR)) {
            return VECTOR;
        }
        return contender.equals(LibraryContender.SCALAR) ? SCALAR : PEERS;
    }
}
