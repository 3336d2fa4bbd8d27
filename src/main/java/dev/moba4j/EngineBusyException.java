package dev.moba4j;

/**
 * An engine or a plan cannot be closed while a run is under way. Nothing has changed: close it again later.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="busy"}
 */
public class EngineBusyException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public EngineBusyException(String message) {
        super(message);
    }
}
