package dev.moba4j.natives.${native.package};

import dev.moba4j.internal.natives.NativeJar;

/** Makes this jar a provider of the service. */
public final class Natives implements NativeJar {
    /** For the service loader. */
    public Natives() {}
}
