package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHUNK;
import static dev.moba4j.internal.vector.Lanes.STEP;
import static dev.moba4j.internal.vector.Lanes.TILE;
import static dev.moba4j.internal.vector.Lanes.roundUpToTile;

/**
 * Keys and values of one chunk, widened and arranged for {@link Tile}: keys {@code [tile of keys][channel][key in tile]},
 * values per step of keys {@code [tile of channels][key][channel in tile]}; what pads a tile is zero.
 */
final class PackedChunk {
    private static final int INFINITE = 0x7F800000;
    private static final int MAGNITUDE = 0x7FFFFFFF;

    float[] keys = {};
    float[] values = {};

    /** For each step of each block: no NaN or infinity among its values. */
    boolean[] finite = {};

    /** Makes room; what was packed is lost. */
    void reserve(SequenceLayout sequence, int headDim, int valuePitch) {
        int blocks = sequence.blocksPerChunk();
        int length = Math.min(sequence.blockSize(), CHUNK);
        keys = atLeast(keys, blocks * sequence.keyPitch() * headDim);
        values = atLeast(values, blocks * length * valuePitch);
        if (finite.length < blocks * Math.ceilDiv(length, STEP)) {
            finite = new boolean[blocks * Math.ceilDiv(length, STEP)];
        }
    }

    private static float[] atLeast(float[] array, int length) {
        return array.length < length ? new float[length] : array;
    }

    /** Puts key {@code key} of a block that begins at {@code begin}. */
    void putKey(int begin, int key, float[] row, int headDim) {
        int at = begin + key / TILE * TILE * headDim + key % TILE;
        for (int channel = 0; channel < headDim; channel++) {
            keys[at + channel * TILE] = row[channel];
        }
    }

    /** Clears the keys from {@code count} to the end of their tile. */
    void padKeys(int begin, int count, int headDim) {
        for (int key = count; key < roundUpToTile(count); key++) {
            int at = begin + key / TILE * TILE * headDim + key % TILE;
            for (int channel = 0; channel < headDim; channel++) {
                keys[at + channel * TILE] = 0;
            }
        }
    }

    /**
     * Puts the value of one key; {@code row} is zero beyond its channels.
     *
     * @param begin where the step begins
     * @param key index within the step
     * @param stepKeys keys of the step
     * @return whether all are finite
     */
    boolean putValue(int begin, int key, int stepKeys, float[] row, int valuePitch) {
        int largest = 0;
        for (int channel = 0; channel < valuePitch; channel++) {
            largest = Math.max(largest, Float.floatToRawIntBits(row[channel]) & MAGNITUDE);
        }
        int at = begin + key * TILE;
        for (int channel = 0; channel < valuePitch; channel += TILE, at += stepKeys * TILE) {
            values[at] = row[channel];
            values[at + 1] = row[channel + 1];
            values[at + 2] = row[channel + 2];
            values[at + 3] = row[channel + 3];
        }
        return largest < INFINITE;
    }
}
