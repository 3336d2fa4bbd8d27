package dev.moba4j;

/**
 * The engine, or the plan, was closed before this call.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="closed"}
 */
public class EngineClosedException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public EngineClosedException(String message) {
        super(message);
    }
}
