package dev.moba4j.cli;

/** Good input, but the machine could not do it; the message is the one sentence to print, the exit status is 1. */
public final class FailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param sentence says what failed and why */
    public FailedException(String sentence) {
        super(sentence);
    }
}
