package dev.moba4j;

/**
 * The backend asked for does not work on this machine; the message lists everything that was tried.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="unavailable"}
 */
public class BackendUnavailableException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public BackendUnavailableException(String message) {
        super(message);
    }

    /**
     * Makes the exception.
     *
     * @param message one sentence
     * @param cause what led to it
     */
    public BackendUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
