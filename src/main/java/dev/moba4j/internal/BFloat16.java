package dev.moba4j.internal;

/** bfloat16: the upper half of a binary32. */
public final class BFloat16 {
    private BFloat16() {}

    /**
     * Widens, exactly.
     *
     * @param bits a bfloat16
     * @return its value
     */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /**
     * Rounds to nearest, ties to even; NaN stays NaN.
     *
     * @param value any float
     * @return the nearest bfloat16
     */
    public static short ofFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }
}
