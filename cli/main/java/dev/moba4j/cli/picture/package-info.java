/** Pictures of what was computed, as PNG. */
@NullMarked
package dev.moba4j.cli.picture;

import org.jspecify.annotations.NullMarked;
