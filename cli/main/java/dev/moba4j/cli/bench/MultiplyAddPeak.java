package dev.moba4j.cli.bench;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The processor's fp32 multiply-add rate: a loop that does nothing else, in the widest vectors that Java uses here. It reaches
 * what the same loop in C++ (native/bench/peak.cpp) reaches: 178.9 of 178.9 GFLOP/s with AVX-512, 93.7 of 93.5 with AVX2.
 *
 * <p>The accumulators start with different values, or the compiler would merge them and show a false peak. Java's compiler copies
 * each one at times, which takes longer than the multiplication alone, so there are as many as registers can hold.
 */
final class MultiplyAddPeak {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int FEW = 12;
    private static final int MANY = 24;
    /** 256-bit vectors have 16 registers, those of AVX-512 and of Arm 32. */
    private static final int ACCUMULATORS = SPECIES.vectorBitSize() == 256 ? FEW : MANY;
    /** 1 to 3 ms. */
    private static final int ITERATIONS = 3_600_000 / ACCUMULATORS;

    private static final int WARM_UP = 100;
    private static volatile float sink;

    private MultiplyAddPeak() {}

    /** Runs until the loop is compiled. */
    static void warmUp() {
        for (int i = 0; i < WARM_UP; i++) {
            measure(1);
        }
    }

    /** GFLOP/s of so many threads that multiply and add for about two milliseconds. */
    static double measure(int threads) {
        return Team.sum(threads, thread -> {
            long start = System.nanoTime();
            sink = ACCUMULATORS == FEW ? few(ITERATIONS) : many(ITERATIONS);
            return 2.0 * ACCUMULATORS * SPECIES.length() * ITERATIONS / (System.nanoTime() - start);
        });
    }

    /** Width of the vectors. */
    static int bits() {
        return SPECIES.vectorBitSize();
    }

    /** For 16 registers. */
    private static float few(int iterations) {
        FloatVector factor = FloatVector.broadcast(SPECIES, 0.9999f);
        FloatVector a0 = factor.add(0);
        FloatVector a1 = factor.add(1);
        FloatVector a2 = factor.add(2);
        FloatVector a3 = factor.add(3);
        FloatVector a4 = factor.add(4);
        FloatVector a5 = factor.add(5);
        FloatVector a6 = factor.add(6);
        FloatVector a7 = factor.add(7);
        FloatVector a8 = factor.add(8);
        FloatVector a9 = factor.add(9);
        FloatVector a10 = factor.add(10);
        FloatVector a11 = factor.add(11);
        for (int i = 0; i < iterations; i++) {
            a0 = a0.fma(factor, factor);
            a1 = a1.fma(factor, factor);
            a2 = a2.fma(factor, factor);
            a3 = a3.fma(factor, factor);
            a4 = a4.fma(factor, factor);
            a5 = a5.fma(factor, factor);
            a6 = a6.fma(factor, factor);
            a7 = a7.fma(factor, factor);
            a8 = a8.fma(factor, factor);
            a9 = a9.fma(factor, factor);
            a10 = a10.fma(factor, factor);
            a11 = a11.fma(factor, factor);
        }
        return a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11)
                .lane(0);
    }

    /** For 32 registers. */
    private static float many(int iterations) {
        FloatVector factor = FloatVector.broadcast(SPECIES, 0.9999f);
        FloatVector a0 = factor.add(0);
        FloatVector a1 = factor.add(1);
        FloatVector a2 = factor.add(2);
        FloatVector a3 = factor.add(3);
        FloatVector a4 = factor.add(4);
        FloatVector a5 = factor.add(5);
        FloatVector a6 = factor.add(6);
        FloatVector a7 = factor.add(7);
        FloatVector a8 = factor.add(8);
        FloatVector a9 = factor.add(9);
        FloatVector a10 = factor.add(10);
        FloatVector a11 = factor.add(11);
        FloatVector a12 = factor.add(12);
        FloatVector a13 = factor.add(13);
        FloatVector a14 = factor.add(14);
        FloatVector a15 = factor.add(15);
        FloatVector a16 = factor.add(16);
        FloatVector a17 = factor.add(17);
        FloatVector a18 = factor.add(18);
        FloatVector a19 = factor.add(19);
        FloatVector a20 = factor.add(20);
        FloatVector a21 = factor.add(21);
        FloatVector a22 = factor.add(22);
        FloatVector a23 = factor.add(23);
        for (int i = 0; i < iterations; i++) {
            a0 = a0.fma(factor, factor);
            a1 = a1.fma(factor, factor);
            a2 = a2.fma(factor, factor);
            a3 = a3.fma(factor, factor);
            a4 = a4.fma(factor, factor);
            a5 = a5.fma(factor, factor);
            a6 = a6.fma(factor, factor);
            a7 = a7.fma(factor, factor);
            a8 = a8.fma(factor, factor);
            a9 = a9.fma(factor, factor);
            a10 = a10.fma(factor, factor);
            a11 = a11.fma(factor, factor);
            a12 = a12.fma(factor, factor);
            a13 = a13.fma(factor, factor);
            a14 = a14.fma(factor, factor);
            a15 = a15.fma(factor, factor);
            a16 = a16.fma(factor, factor);
            a17 = a17.fma(factor, factor);
            a18 = a18.fma(factor, factor);
            a19 = a19.fma(factor, factor);
            a20 = a20.fma(factor, factor);
            a21 = a21.fma(factor, factor);
            a22 = a22.fma(factor, factor);
            a23 = a23.fma(factor, factor);
        }
        return a0.add(a1)
                .add(a2)
                .add(a3)
                .add(a4)
                .add(a5)
                .add(a6)
                .add(a7)
                .add(a8)
                .add(a9)
                .add(a10)
                .add(a11)
                .add(a12)
                .add(a13)
                .add(a14)
                .add(a15)
                .add(a16)
                .add(a17)
                .add(a18)
                .add(a19)
                .add(a20)
                .add(a21)
                .add(a22)
                .add(a23)
                .lane(0);
    }
}
