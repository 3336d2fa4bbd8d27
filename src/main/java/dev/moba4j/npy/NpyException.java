package dev.moba4j.npy;

/**
 * A file is no valid .npy file, or holds what a tensor cannot; one sentence names file, value and expectation.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="npy-exception"}
 */
public class NpyException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public NpyException(String message) {
        super(message);
    }
}
