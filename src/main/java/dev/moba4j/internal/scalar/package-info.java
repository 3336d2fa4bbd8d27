/**
 * The scalar backend: plain Java with fp64 arithmetic, written from the formulas alone. It is the oracle that the other
 * backends are compared with, so it prefers being evidently right to being fast.
 */
@NullMarked
package dev.moba4j.internal.scalar;

import org.jspecify.annotations.NullMarked;
