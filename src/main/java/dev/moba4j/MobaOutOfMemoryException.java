package dev.moba4j;

/**
 * Memory for an engine, a plan or its workspace could not be had.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="memory"}
 */
public class MobaOutOfMemoryException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public MobaOutOfMemoryException(String message) {
        super(message);
    }

    /**
     * Makes the exception.
     *
     * @param message one sentence
     * @param cause what led to it
     */
    public MobaOutOfMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
