/**
 * Tensors in safetensors files: read by mapping, written in place and put in position atomically.
 *
 * {@snippet class="dev.moba4j.snippets.FileSnippetTest" region="write"}
 */
@NullMarked
package dev.moba4j.safetensors;

import org.jspecify.annotations.NullMarked;
