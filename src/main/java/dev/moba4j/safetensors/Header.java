package dev.moba4j.safetensors;

import java.util.Map;

/**
 * The header of a safetensors file.
 *
 * @param tensors by name, in the order of the file
 * @param metadata what "__metadata__" holds
 */
record Header(Map<String, TensorEntry> tensors, Map<String, String> metadata) {
    /** Name of the entry that is no tensor. */
    static final String METADATA = "__metadata__";

    /** Longest name of a tensor: what the JSON parser accepts. */
    static final int MOST_NAME_CHARACTERS = 50_000;

    /** Largest header accepted, as in the reference implementation. */
    static final long MAX_BYTES = 100_000_000;
}
