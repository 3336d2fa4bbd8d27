package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.COUNT;
import static dev.moba4j.internal.vector.Lanes.FLOAT;
import static dev.moba4j.internal.vector.Lanes.PANEL;
import static dev.moba4j.internal.vector.Lanes.TILE;

import jdk.incubator.vector.FloatVector;

/**
 * The register tile of every product: {@code c[row][query] += sum_n a[n][row] b[n][query]}. For scores rows are keys and n
 * runs over channels; for values rows are channels and n runs over keys. Eight accumulators, two operands and one broadcast
 * stay within the 16 registers of AVX2; more than nine spill there.
 */
final class Tile {
    private Tile() {}

    /**
     * Sums up products, then adds the sums.
     *
     * @param a {@code [n][TILE]} from {@code aOffset}
     * @param b {@code [n][PANEL]} from {@code bOffset}
     * @param c {@code [TILE][PANEL]} from {@code cOffset}
     */
    static void accumulate(float[] a, int aOffset, float[] b, int bOffset, int n, float[] c, int cOffset) {
        FloatVector c00 = FloatVector.zero(FLOAT);
        FloatVector c01 = FloatVector.zero(FLOAT);
        FloatVector c10 = FloatVector.zero(FLOAT);
        FloatVector c11 = FloatVector.zero(FLOAT);
        FloatVector c20 = FloatVector.zero(FLOAT);
        FloatVector c21 = FloatVector.zero(FLOAT);
        FloatVector c30 = FloatVector.zero(FLOAT);
        FloatVector c31 = FloatVector.zero(FLOAT);
        for (int i = 0, at = aOffset, bt = bOffset; i < n; i++, at += TILE, bt += PANEL) {
            FloatVector b0 = FloatVector.fromArray(FLOAT, b, bt);
            FloatVector b1 = FloatVector.fromArray(FLOAT, b, bt + COUNT);
            FloatVector a0 = FloatVector.broadcast(FLOAT, a[at]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(FLOAT, a[at + 1]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(FLOAT, a[at + 2]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(FLOAT, a[at + 3]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
        }
        c00.add(FloatVector.fromArray(FLOAT, c, cOffset)).intoArray(c, cOffset);
        c01.add(FloatVector.fromArray(FLOAT, c, cOffset + COUNT)).intoArray(c, cOffset + COUNT);
        c10.add(FloatVector.fromArray(FLOAT, c, cOffset + 2 * COUNT)).intoArray(c, cOffset + 2 * COUNT);
        c11.add(FloatVector.fromArray(FLOAT, c, cOffset + 3 * COUNT)).intoArray(c, cOffset + 3 * COUNT);
        c20.add(FloatVector.fromArray(FLOAT, c, cOffset + 4 * COUNT)).intoArray(c, cOffset + 4 * COUNT);
        c21.add(FloatVector.fromArray(FLOAT, c, cOffset + 5 * COUNT)).intoArray(c, cOffset + 5 * COUNT);
        c30.add(FloatVector.fromArray(FLOAT, c, cOffset + 6 * COUNT)).intoArray(c, cOffset + 6 * COUNT);
        c31.add(FloatVector.fromArray(FLOAT, c, cOffset + 7 * COUNT)).intoArray(c, cOffset + 7 * COUNT);
    }

    /**
     * The same where some pair is masked and some {@code a} is NaN or infinite: a masked pair must not contribute
     * {@code 0 * NaN}. Adds up in the same order, so other rows keep their bits.
     *
     * @param first what index 0 of n counts as
     * @param limits last n that each query takes part in
     */
    static void accumulateGuarded(
            float[] a, int aOffset, float[] b, int bOffset, int n, int first, int[] limits, float[] c, int cOffset) {
        for (int row = 0; row < TILE; row++) {
            for (int query = 0; query < PANEL; query++) {
                float sum = 0;
                for (int i = 0; i < n && i <= limits[query] - first; i++) {
                    sum = Math.fma(a[aOffset + i * TILE + row], b[bOffset + i * PANEL + query], sum);
                }
                c[cOffset + row * PANEL + query] += sum;
            }
        }
    }
}
