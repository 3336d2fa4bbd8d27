package dev.moba4j.internal;

import dev.moba4j.Tensor;

/** Attention over the union of two disjoint sets of keys, from the attention over each. */
public final class StateMerge {
    private StateMerge() {}

    /** Computes in fp64. */
    public static void run(MergeOperands operands) {
        Tensor o = operands.o();
        if (o.rank() == 3) {
            mergeEntry(operands);
            return;
        }
        for (long entry = 0; entry < o.dim(0); entry++) {
            mergeEntry(new MergeOperands(
                    operands.oA().select(0, entry),
                    operands.lseA().select(0, entry),
                    operands.oB().select(0, entry),
                    operands.lseB().select(0, entry),
                    o.select(0, entry),
                    operands.lse().select(0, entry)));
        }
    }

    private static void mergeEntry(MergeOperands m) {
        for (long token = 0; token < m.o().dim(0); token++) {
            for (long head = 0; head < m.o().dim(1); head++) {
                mergeRow(m, token, head);
            }
        }
    }

    private static void mergeRow(MergeOperands m, long token, long head) {
        double lseA = m.lseA().getFloat(token, head);
        double lseB = m.lseB().getFloat(token, head);
        double lse = logAddExp(lseA, lseB);
        m.lse().setFloat((float) lse, token, head);
        for (long channel = 0; channel < m.o().dim(2); channel++) {
            double value = weighted(m.oA().getFloat(token, head, channel), lseA, lse)
                    + weighted(m.oB().getFloat(token, head, channel), lseB, lse);
            m.o().setFloat((float) value, token, head, channel);
        }
    }

    private static double logAddExp(double a, double b) {
        double maximum = Math.max(a, b);
        if (Double.isInfinite(maximum)) {
            return maximum;
        }
        return maximum + Math.log(Math.exp(a - maximum) + Math.exp(b - maximum));
    }

    /** {@code o exp(side - lse)}; a side without keys contributes nothing, whatever its o holds. */
    private static double weighted(double o, double side, double lse) {
        return side == Double.NEGATIVE_INFINITY ? 0 : o * Math.exp(side - lse);
    }
}
