package dev.moba4j.safetensors;

/**
 * What a header says about one tensor. The dtype stays a name here: files may hold others than this library has.
 *
 * @param dtype e.g. "BF16"
 * @param shape size of each axis
 * @param begin first byte, counted from the end of the header
 * @param end byte after the last
 */
record TensorEntry(String dtype, long[] shape, long begin, long end) {}
