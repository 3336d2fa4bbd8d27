package dev.moba4j.cli.demo;

import org.jspecify.annotations.Nullable;

/**
 * The contestants side by side on one length of context.
 *
 * @param tokens the length
 * @param moba MoBA by the engine of the demo
 * @param java MoBA by the backend {@code vector}; null where that is the engine of the demo, or not there
 * @param full attention to every key by the engine of the demo; null where it would take too long
 * @param javaFull the same by the backend {@code vector}; null where it is not there or would take too long
 * @param fromFull how far MoBA's output is from full attention's; null without the latter
 * @param javaFromMoba how far MoBA's outputs are from each other; null with only one
 */
record Step(
        int tokens,
        Trial moba,
        @Nullable Trial java,
        @Nullable Trial full,
        @Nullable Trial javaFull,
        @Nullable Comparison fromFull,
        @Nullable Comparison javaFromMoba) {}
