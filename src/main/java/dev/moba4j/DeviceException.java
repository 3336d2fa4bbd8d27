package dev.moba4j;

/**
 * A CUDA device or its driver failed. The message holds CUDA's name and text of the error, and says so if the error is
 * sticky: then the device is lost to this process, every later call that needs it fails in the same way, and only starting
 * the process again helps. The other backends go on working.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="failure"}
 */
public class DeviceException extends MobaException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the exception.
     *
     * @param message one sentence
     */
    public DeviceException(String message) {
        super(message);
    }
}
