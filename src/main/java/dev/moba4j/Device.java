package dev.moba4j;

/**
 * Where a tensor's memory is: the processor's, which Java reads and writes, or that of a CUDA device.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="device"}
 *
 * @param type kind of device
 * @param ordinal which of its kind, as CUDA counts them; 0 for the processor
 */
public record Device(Type type, int ordinal) {
    /** Memory of the processor, page-locked or not. */
    public static final Device CPU = new Device(Type.CPU, 0);

    /** Kinds of devices. */
    public enum Type {
        /** The processor. */
        CPU,
        /** A GPU that CUDA knows. */
        CUDA
    }

    /**
     * Checks the ordinal.
     *
     * @throws IllegalArgumentException if it is negative, or not 0 for the processor
     */
    public Device {
        if (ordinal < 0 || type == Type.CPU && ordinal != 0) {
            throw new IllegalArgumentException(
                    "ordinal is " + ordinal + ", expected " + (type == Type.CPU ? "0 for the CPU" : "at least 0"));
        }
    }

    /**
     * A CUDA device.
     *
     * @param ordinal which one, from 0 on
     * @return the device
     */
    public static Device cuda(int ordinal) {
        return new Device(Type.CUDA, ordinal);
    }

    /**
     * Whether Java can read and write memory of this device.
     *
     * @return true for the processor
     */
    public boolean isCpu() {
        return type == Type.CPU;
    }

    /**
     * "cpu", "cuda:0".
     *
     * @return a short name
     */
    @Override
    public String toString() {
        return isCpu() ? "cpu" : "cuda:" + ordinal;
    }
}
