package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.FLOAT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Powers of two, lane by lane. */
final class Exp2 {
    // Adding 1.5 * 2^23 rounds to an integer in the low mantissa bits; 127 more is the exponent bias.
    private static final float MAGIC = 12582912.0f + 127.0f;
    private static final int MANTISSA_BITS = 23;

    private Exp2() {}

    /** For x at most 0, relative error 1.5e-7; 0 below -126 and at minus infinity, NaN at NaN. */
    static FloatVector of(FloatVector x) {
        FloatVector shifted = x.add(MAGIC);
        FloatVector fraction = x.sub(shifted.sub(MAGIC));
        FloatVector p = FloatVector.broadcast(FLOAT, 1.3276472454890609e-3f)
                .fma(fraction, FloatVector.broadcast(FLOAT, 9.675540961325169e-3f))
                .fma(fraction, FloatVector.broadcast(FLOAT, 5.550713092088699e-2f))
                .fma(fraction, FloatVector.broadcast(FLOAT, 2.4022120237350464e-1f))
                .fma(fraction, FloatVector.broadcast(FLOAT, 6.931469440460205e-1f))
                .fma(fraction, FloatVector.broadcast(FLOAT, 1.0f));
        FloatVector power = shifted.reinterpretAsInts()
                .lanewise(VectorOperators.LSHL, MANTISSA_BITS)
                .reinterpretAsFloats();
        return p.mul(power).blend(0.0f, x.lt(-126.0f));
    }
}
