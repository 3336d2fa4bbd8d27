package dev.moba4j.cli;

/** The user asked for something that cannot be done; the message is the one sentence to print, the exit status is 2. */
public final class BadInputException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param sentence names the option or file, what it was and what was expected */
    public BadInputException(String sentence) {
        super(sentence);
    }
}
