/** What lies between the public API and the backends: their interface, validation's results, liveness of handles. */
@NullMarked
package dev.moba4j.internal;

import org.jspecify.annotations.NullMarked;
