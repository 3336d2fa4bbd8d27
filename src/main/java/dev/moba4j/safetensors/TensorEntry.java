package dev.moba4j.safetensors;

import java.util.Arrays;
import java.util.Objects;

/**
 * What a header says about one tensor. The dtype stays a name here: files may hold others than this library has.
 *
 * @param dtype e.g. "BF16"
 * @param shape size of each axis
 * @param begin first byte, counted from the end of the header
 * @param end byte after the last
 */
record TensorEntry(String dtype, long[] shape, long begin, long end) {

    @Override
    public boolean equals(Object other) {
        return other instanceof TensorEntry entry
                && dtype.equals(entry.dtype)
                && Arrays.equals(shape, entry.shape)
                && begin == entry.begin
                && end == entry.end;
    }

    @Override
    public int hashCode() {
        return Objects.hash(dtype, Arrays.hashCode(shape), begin, end);
    }

    @Override
    public String toString() {
        return dtype + Arrays.toString(shape) + " at " + begin + " to " + end;
    }
}
