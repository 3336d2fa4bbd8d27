/** Tensors in safetensors files: read by mapping, written in place and put in position atomically. */
@NullMarked
package dev.moba4j.safetensors;

import org.jspecify.annotations.NullMarked;
