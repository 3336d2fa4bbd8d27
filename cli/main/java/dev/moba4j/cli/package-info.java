/** The command line: reads files, calls the library, reports. Computes no attention of its own. */
@NullMarked
package dev.moba4j.cli;

import org.jspecify.annotations.NullMarked;
