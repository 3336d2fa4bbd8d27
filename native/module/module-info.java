/** Carries libmoba for one platform: with dev.moba4j on a module path it is resolved without being asked for. */
module dev.moba4j.natives.${native.package} {
    requires dev.moba4j;

    provides dev.moba4j.internal.natives.NativeJar with
            dev.moba4j.natives.${native.package}.Natives;
}
