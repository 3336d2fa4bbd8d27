package dev.moba4j.cli.bench;

/** Who takes part in a case, beside native code, which always does. */
enum Field {
    /** Nobody else. */
    NATIVE,
    /** Java on the Vector API. */
    VECTOR,
    /** All backends of the library. */
    BACKENDS,
    /** Other programs. */
    PEERS,
    /** Java on the Vector API and other programs. */
    ALL;

    boolean has(Contender contender) {
        if (contender.equals(LibraryContender.NATIVE)) {
            return true;
        }
        if (contender.equals(LibraryContender.SCALAR)) {
            return this == BACKENDS;
        }
        return contender.equals(LibraryContender.VECTOR)
                ? this != NATIVE && this != PEERS
                : this == PEERS || this == ALL;
    }
}
