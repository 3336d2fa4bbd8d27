package dev.moba4j;

/**
 * The run was stopped by {@link RunControl#cancel()}; its outputs hold unspecified values.
 *
 * {@snippet class="dev.moba4j.snippets.ExceptionSnippetTest" region="cancelled"}
 */
public class RunCancelledException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public RunCancelledException(String message) {
        super(message);
    }
}
