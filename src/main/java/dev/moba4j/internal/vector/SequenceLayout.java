package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHUNK;
import static dev.moba4j.internal.vector.Lanes.TILE;

/**
 * One sequence of a run, how it is attended to, and where its chunks, centroids and windows begin among those of a head.
 * A chunk is what one task packs: at most {@link Lanes#CHUNK} keys of one block, or several whole blocks of that many keys.
 *
 * @param batch index on the batch axis, 0 when packed
 * @param queryBegin first query on the token axis
 * @param queries number of queries
 * @param keyBegin first key on the token axis
 * @param keys number of keys
 * @param causal whether a query sees only keys up to its own position
 * @param dense every visible block is selected: a single block holds all keys
 * @param blockSize B, at most {@code keys}, at least 1
 * @param mostSelected blocks of the row that selects most
 * @param firstChunk index of its first chunk
 * @param firstCentroid index of its first group of {@link Lanes#STEP} centroids
 * @param firstWindow index of its first window of queries
 */
record SequenceLayout(
        long batch,
        long queryBegin,
        int queries,
        long keyBegin,
        int keys,
        boolean causal,
        boolean dense,
        int blockSize,
        int mostSelected,
        int firstChunk,
        int firstCentroid,
        int firstWindow) {

    int blocks() {
        return Math.ceilDiv(keys, blockSize);
    }

    int blockLength(int block) {
        return Math.min(blockSize, keys - block * blockSize);
    }

    /** Last key that a query sees, or less than 0. */
    int lastVisibleKey(int query) {
        return causal ? keys - queries + query : keys - 1;
    }

    /** Whole blocks of one chunk; 1 where a block has several chunks. */
    int blocksPerChunk() {
        return Math.max(1, CHUNK / blockSize);
    }

    int chunksPerBlock() {
        return Math.ceilDiv(blockSize, CHUNK);
    }

    int chunks() {
        return blocks() == 0
                ? 0
                : blockSize <= CHUNK
                        ? Math.ceilDiv(blocks(), blocksPerChunk())
                        : (blocks() - 1) * chunksPerBlock() + Math.ceilDiv(blockLength(blocks() - 1), CHUNK);
    }

    /** Chunk that holds key {@code first} of a block, a multiple of {@link Lanes#CHUNK}. */
    int chunk(int block, int first) {
        return firstChunk + (blockSize <= CHUNK ? block / blocksPerChunk() : block * chunksPerBlock() + first / CHUNK);
    }

    /** Place of a block among those of its chunk. */
    int placeInChunk(int block) {
        return block % blocksPerChunk();
    }

    /** Keys from one block of a chunk to the next, as packed. */
    int keyPitch() {
        return Math.ceilDiv(Math.min(blockSize, CHUNK), TILE) * TILE;
    }
}
