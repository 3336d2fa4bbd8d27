/** JMH benchmarks. */
@NullMarked
package dev.moba4j.benchmarks;

import org.jspecify.annotations.NullMarked;
