package dev.moba4j.safetensors;

/**
 * A file is no valid safetensors file, or lacks what was asked for; one sentence names file, tensor, value, expectation.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="safetensors-exception"}
 */
public class SafetensorsException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public SafetensorsException(String message) {
        super(message);
    }

    /**
     * Makes the exception.
     *
     * @param message one sentence
     * @param cause what led to it
     */
    public SafetensorsException(String message, Throwable cause) {
        super(message, cause);
    }
}
