package dev.moba4j.internal.natives;

/**
 * What the native jars provide as a service, so that on a module path they are resolved together with this module. The
 * library itself is a resource and found as one, on a module path and a class path alike: its folder
 * {@code dev/moba4j/native} is no package's name, and so not encapsulated.
 */
public interface NativeJar {}
