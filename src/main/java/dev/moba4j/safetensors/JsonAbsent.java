package dev.moba4j.safetensors;

import dev.moba4j.MobaException;

/** Says what to do when the optional JSON library is not there. */
final class JsonAbsent {
    private JsonAbsent() {}

    static MobaException exception(NoClassDefFoundError cause) {
        return new MobaException(
                "jackson-core is absent, expected com.fasterxml.jackson.core:jackson-core, which safetensors files need,"
                        + " on the class path, or on the module path with --add-modules com.fasterxml.jackson.core",
                cause);
    }
}
