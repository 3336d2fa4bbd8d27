package dev.moba4j;

/**
 * Memory of a CUDA device, all of its users taken together.
 *
 * {@snippet class="dev.moba4j.snippets.CudaSnippetTest" region="memory-info"}
 *
 * @param freeBytes what nobody has taken
 * @param totalBytes what there is
 */
public record DeviceMemory(long freeBytes, long totalBytes) {}
