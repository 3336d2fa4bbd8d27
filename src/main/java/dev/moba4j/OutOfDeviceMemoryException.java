package dev.moba4j;

/**
 * A device has not as much memory left as a tensor or a plan's workspace needs. The engine stays usable: close other
 * tensors or plans, or use smaller ones, and try again.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="memory"}
 */
public class OutOfDeviceMemoryException extends MobaOutOfMemoryException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     * @param cause what led to it
     */
    public OutOfDeviceMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
