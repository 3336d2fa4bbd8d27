package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Examples of {@link Tensor} and its element types. */
class TensorSnippetTest extends SnippetTensors {

    @Test
    void viewsMemory() {
        MemorySegment segment = arena.allocate(4L * 2 * 8 * 128 * 64, 64);
        // @start region="tensor"
        Tensor batch = Tensor.wrap(segment, DType.F32, 2, 8, 128, 64); // [sequence, head, token, channel]
        Tensor queries = batch.permute(0, 2, 1, 3); // [sequence, token, head, channel], no copy
        Tensor last = queries.slice(1, 127, 128); // the last token of each sequence, no copy
        last.setFloat(1.5f, 1, 0, 7, 63);
        float same = batch.getFloat(1, 7, 127, 63); // 1.5
        // @end
        assertThat(same).isEqualTo(1.5f);
    }

    @Test
    void rounds() {
        // @start region="dtype"
        Tensor tensor = Tensor.ofFloats(arena, DType.BF16, new float[] {1.001f, 1.007f}, 2);
        float down = tensor.getFloat(0); // 1.0: bfloat16 keeps 8 significant bits
        float up = tensor.getFloat(1); // 1.0078125
        long bytes = tensor.byteSize(); // 4
        // @end
        assertThat(down).isEqualTo(1);
        assertThat(up).isEqualTo(1.0078125f);
        assertThat(bytes).isEqualTo(2 * DType.BF16.byteSize()).isEqualTo(4);
    }
}
