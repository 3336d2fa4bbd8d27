package dev.moba4j;

/**
 * Element type of a {@link Tensor}.
 *
 * {@snippet class="dev.moba4j.snippets.TensorSnippetTest" region="dtype"}
 */
public enum DType {
    /** IEEE 754 binary32. */
    F32(4, true),
    /** IEEE 754 binary16. */
    F16(2, true),
    /** bfloat16: the upper half of a binary32. */
    BF16(2, true),
    /** Signed 32-bit integer. */
    I32(4, false),
    /** Signed 64-bit integer. */
    I64(8, false);

    private final int byteSize;
    private final boolean floatingPoint;

    DType(int byteSize, boolean floatingPoint) {
        this.byteSize = byteSize;
        this.floatingPoint = floatingPoint;
    }

    /**
     * Size of one element.
     *
     * @return bytes per element
     */
    public int byteSize() {
        return byteSize;
    }

    /**
     * Whether q, k, v and o may have this type.
     *
     * @return true for F32, F16 and BF16
     */
    public boolean isFloatingPoint() {
        return floatingPoint;
    }
}
