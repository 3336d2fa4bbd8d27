package dev.moba4j;

/**
 * What an engine runs on.
 *
 * {@snippet class="dev.moba4j.snippets.EngineSnippetTest" region="info"}
 *
 * @param backend "native", "cuda", "vector" or "scalar"
 * @param target the backend's code path, e.g. "cpu/avx512", "cuda", "java/256-bit" or "java"
 * @param threads threads that work on one run, the calling thread included
 * @param device the processor or GPU, in the vendor's words
 * @param reason why this backend was taken: asked for, or the first that works and why the ones before it do not
 */
public record EngineInfo(String backend, String target, int threads, String device, String reason) {}
