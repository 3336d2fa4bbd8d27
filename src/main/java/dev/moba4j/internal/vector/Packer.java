package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.CHUNK;
import static dev.moba4j.internal.vector.Lanes.STEP;
import static dev.moba4j.internal.vector.Lanes.TILE;

import dev.moba4j.DType;
import dev.moba4j.internal.BFloat16;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Packs keys, values and centroids of a run's key-value heads. */
final class Packer {
    private final RunShape shape;
    private final StoredRows keys;
    private final @Nullable StoredRows values;

    Packer(RunShape shape, RunTensors tensors) {
        this.shape = shape;
        this.keys = new StoredRows(tensors.k());
        this.values = tensors.v() == null ? null : new StoredRows(tensors.v());
    }

    /** Packs chunk {@code index} of a sequence. */
    void packChunk(SequenceLayout sequence, int index, long kvHead, PackedHead head, ThreadScratch scratch) {
        PackedChunk chunk = head.chunk(sequence.firstChunk() + index);
        chunk.reserve(sequence, shape.headDim(), shape.valuePitch());
        if (sequence.blockSize() > CHUNK) {
            int block = index / sequence.chunksPerBlock();
            int first = index % sequence.chunksPerBlock() * CHUNK;
            int count = Math.min(CHUNK, sequence.blockLength(block) - first);
            packRange(sequence, chunk, 0, block * sequence.blockSize() + first, count, kvHead, scratch);
            return;
        }
        int begin = index * sequence.blocksPerChunk();
        int end = Math.min(begin + sequence.blocksPerChunk(), sequence.blocks());
        for (int block = begin; block < end; block++) {
            int count = sequence.blockLength(block);
            packRange(sequence, chunk, block - begin, block * sequence.blockSize(), count, kvHead, scratch);
        }
    }

    private void packRange(
            SequenceLayout sequence,
            PackedChunk chunk,
            int place,
            int firstKey,
            int count,
            long kvHead,
            ThreadScratch scratch) {
        int keysBegin = place * sequence.keyPitch() * shape.headDim();
        int valuesBegin = place * sequence.blockSize() * shape.valuePitch();
        int finiteBegin = place * Math.ceilDiv(sequence.blockSize(), STEP);
        long token = sequence.keyBegin() + firstKey;
        for (int key = 0; key < count; key++) {
            keys.read(sequence.batch(), token + key, kvHead, scratch.row, 0, scratch.halves);
            chunk.putKey(keysBegin, key, scratch.row, shape.headDim());
        }
        chunk.padKeys(keysBegin, count, shape.headDim());
        if (values == null) {
            return;
        }
        Arrays.fill(scratch.row, shape.headDimV(), Math.max(shape.headDimV(), shape.valuePitch()), 0);
        for (int step = 0; step < count; step += STEP) {
            int stepKeys = Math.min(STEP, count - step);
            boolean finite = true;
            for (int key = 0; key < stepKeys; key++) {
                values.read(sequence.batch(), token + step + key, kvHead, scratch.row, 0, scratch.halves);
                finite &= chunk.putValue(
                        valuesBegin + step * shape.valuePitch(), key, stepKeys, scratch.row, shape.valuePitch());
            }
            chunk.finite[finiteBegin + step / STEP] = finite;
        }
    }

    /** Packs group {@code index} of a sequence's centroids (specification, section 2, rule 1). */
    void packCentroids(SequenceLayout sequence, int index, long kvHead, PackedHead head, ThreadScratch scratch) {
        int headDim = shape.headDim();
        int begin = index * STEP;
        int end = Math.min(begin + STEP, sequence.blocks());
        int padded = Lanes.roundUpToTile(end - begin);
        float[] centroids = head.clearCentroids(sequence.firstCentroid() + index, padded * headDim);
        for (int block = begin; block < end; block++) {
            sumKeys(sequence, block, kvHead, scratch);
            int at = (block - begin) / TILE * TILE * headDim + (block - begin) % TILE;
            for (int channel = 0; channel < headDim; channel++) {
                double mean = scratch.sums[channel] / sequence.blockLength(block);
                centroids[at + channel * TILE] = rounded((float) mean);
            }
        }
    }

    private void sumKeys(SequenceLayout sequence, int block, long kvHead, ThreadScratch scratch) {
        double[] sums = scratch.sums;
        float[] row = scratch.row;
        Arrays.fill(sums, 0);
        long token = sequence.keyBegin() + (long) block * sequence.blockSize();
        for (int key = 0; key < sequence.blockLength(block); key++) {
            keys.read(sequence.batch(), token + key, kvHead, row, 0, scratch.halves);
            for (int channel = 0; channel < sums.length; channel++) {
                sums[channel] += row[channel];
            }
        }
    }

    private float rounded(float mean) {
        DType dtype = shape.spec().dtype();
        return switch (dtype) {
            case F32 -> mean;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(mean));
            case BF16 -> BFloat16.toFloat(BFloat16.ofFloat(mean));
            case I32, I64 -> throw new AssertionError(dtype);
        };
    }
}
