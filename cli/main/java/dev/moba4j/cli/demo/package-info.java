/** The demo: needles in a long context that the program makes itself. */
@NullMarked
package dev.moba4j.cli.demo;

import org.jspecify.annotations.NullMarked;
