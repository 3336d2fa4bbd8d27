package dev.moba4j.internal.vector;

import java.util.Arrays;

/** Packed chunks and centroids of one key-value head; grows to what runs need and is used again. */
final class PackedHead {
    private PackedChunk[] chunks = {};

    /** Groups of {@link Lanes#STEP} centroids, packed like keys. */
    private float[][] centroids = {};

    void reserve(int numChunks, int numCentroidGroups) {
        int known = chunks.length;
        if (known < numChunks) {
            chunks = Arrays.copyOf(chunks, numChunks);
            Arrays.setAll(chunks, i -> i < known ? chunks[i] : new PackedChunk());
        }
        if (centroids.length < numCentroidGroups) {
            centroids = Arrays.copyOf(centroids, numCentroidGroups);
        }
    }

    PackedChunk chunk(int index) {
        return chunks[index];
    }

    float[] centroids(int group) {
        return centroids[group];
    }

    /** The memory of a group of centroids, zero beyond those written. */
    float[] clearCentroids(int group, int floats) {
        if (centroids[group] == null || centroids[group].length < floats) {
            centroids[group] = new float[floats];
        } else {
            Arrays.fill(centroids[group], 0);
        }
        return centroids[group];
    }
}
