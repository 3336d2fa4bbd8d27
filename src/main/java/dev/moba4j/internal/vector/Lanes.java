package dev.moba4j.internal.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** Widths that all kernels share. */
final class Lanes {
    static final VectorSpecies<Float> FLOAT = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INT = IntVector.SPECIES_PREFERRED;

    /** Queries of one vector. */
    static final int COUNT = FLOAT.length();

    /** Queries of a panel: two vectors. */
    static final int PANEL = 2 * COUNT;

    /** Rows of a register tile: keys, centroids or value channels. */
    static final int TILE = 4;

    /** Keys whose scores are held at once; a panel of scores and one of queries stay near the processor. */
    static final int STEP = 128;

    /** Keys summed in one chain of fp32 additions: where all terms are alike, longer chains drift too far. */
    static final int CHAIN = 64;

    /** Keys that are packed and visited at once, and then merged into the rows. */
    static final int CHUNK = 512;

    private Lanes() {}

    static int roundUpToTile(int count) {
        return Math.ceilDiv(count, TILE) * TILE;
    }
}
