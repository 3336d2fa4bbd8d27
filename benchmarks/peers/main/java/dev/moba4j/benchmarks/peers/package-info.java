/** Other programs that compute attention, as contenders of {@code moba bench}; found by {@link java.util.ServiceLoader}. */
@NullMarked
package dev.moba4j.benchmarks.peers;

import org.jspecify.annotations.NullMarked;
