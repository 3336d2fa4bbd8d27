package dev.moba4j;

/**
 * What this library throws for reasons other than a wrong argument.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="moba"}
 */
public class MobaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public MobaException(String message) {
        super(message);
    }

    /**
     * Makes the exception.
     *
     * @param message one sentence
     * @param cause what led to it
     */
    public MobaException(String message, Throwable cause) {
        super(message, cause);
    }
}
