/** Validation before every run, the same for all backends: sentences that name the argument, what it was, what was expected. */
@NullMarked
package dev.moba4j.internal.validation;

import org.jspecify.annotations.NullMarked;
