package dev.moba4j.cli.demo;

/**
 * A fact hidden in the context: one token whose value is asked for later, inside a short passage about it.
 *
 * @param name what the tables call it
 * @param planted whether it is in the context at all; one is not, to show what then comes back
 * @param token where the value is
 * @param asked the query token that looks for it, later than {@code token}
 */
record Needle(String name, boolean planted, int token, int asked) {

    /** The block of the needle. */
    int block(int blockSize) {
        return token / blockSize;
    }
}
