/** Arrays that NumPy saved, mapped into memory. */
@NullMarked
package dev.moba4j.npy;

import org.jspecify.annotations.NullMarked;
