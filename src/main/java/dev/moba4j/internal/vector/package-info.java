/**
 * The vector backend: the Vector API of {@code jdk.incubator.vector}. Lanes are queries, as in the native backend: a panel
 * is two vectors of queries side by side, stored transposed, {@code [channel][query]}; keys and values are packed so that a
 * register tile reads both operands contiguously. Only {@link dev.moba4j.internal.vector.VectorBackend} may be loaded where
 * the module is missing.
 */
@NullMarked
package dev.moba4j.internal.vector;

import org.jspecify.annotations.NullMarked;
