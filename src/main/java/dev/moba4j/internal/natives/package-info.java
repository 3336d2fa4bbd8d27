/** What this module shares with the jars that carry libmoba. */
@NullMarked
package dev.moba4j.internal.natives;

import org.jspecify.annotations.NullMarked;
