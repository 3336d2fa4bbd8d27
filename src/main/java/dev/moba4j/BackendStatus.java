package dev.moba4j;

/**
 * A backend, or an instruction set of the native backend, as found on this machine.
 *
 * {@snippet class="dev.moba4j.snippets.EngineSnippetTest" region="backends"}
 *
 * @param name "native", "cuda", "vector", "scalar", or a target of the native backend such as "cpu/avx2"
 * @param available whether it works here
 * @param detail what it would use; if it is not available, why not
 */
public record BackendStatus(String name, boolean available, String detail) {}
