/** The native backend: libmoba by way of the generated bindings. Finds and loads the library, passes segments on. */
@NullMarked
package dev.moba4j.internal.ffm;

import org.jspecify.annotations.NullMarked;
