/**
 * Arrays that NumPy saved, mapped into memory.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="npy"}
 */
@NullMarked
package dev.moba4j.npy;

import org.jspecify.annotations.NullMarked;
