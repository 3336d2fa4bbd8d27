/**
 * {@code moba bench}: how fast attention is, beside the processor's own limits and beside other programs. What takes part is a
 * {@link dev.moba4j.cli.bench.Contender}.
 */
@NullMarked
package dev.moba4j.cli.bench;

import org.jspecify.annotations.NullMarked;
