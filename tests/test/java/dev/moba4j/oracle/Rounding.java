package dev.moba4j.oracle;

import dev.moba4j.DType;

/** Rounding of fp32 values to the storage types, to nearest even; written from IEEE 754, apart from the library. */
public final class Rounding {
    private Rounding() {}

    /** {@code value} after a round trip through {@code dtype}. */
    public static float round(DType dtype, float value) {
        return switch (dtype) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> roundToBf16(value);
            case I32, I64 -> throw new IllegalArgumentException("not a floating-point type: " + dtype);
        };
    }

    /** {@code values} rounded in place. */
    public static float[] round(DType dtype, float[] values) {
        for (int i = 0; i < values.length; i++) {
            values[i] = round(dtype, values[i]);
        }
        return values;
    }

    private static float roundToBf16(float value) {
        if (Float.isNaN(value)) {
            return Float.NaN;
        }
        int bits = Float.floatToRawIntBits(value);
        int kept = bits & 0xFFFF0000;
        int dropped = bits & 0xFFFF;
        boolean up = dropped > 0x8000 || (dropped == 0x8000 && (bits & 0x10000) != 0);
        return Float.intBitsToFloat(up ? kept + 0x10000 : kept);
    }
}
