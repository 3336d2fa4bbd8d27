package dev.moba4j.snippets;

import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;

/** What the examples of the Javadoc take as given: an engine, and one sequence of 16 tokens with 4 query and 2 kv heads. */
abstract class SnippetTensors {
    final Arena arena = Arena.ofShared();
    final Engine engine = Engine.open();
    final Tensor q = values(1, 16, 4, 8);
    final Tensor k = values(2, 16, 2, 8);
    final Tensor v = values(3, 16, 2, 8);
    final Tensor o = Tensor.allocate(arena, DType.F32, 16, 4, 8);

    @AfterEach
    void close() {
        engine.close();
        arena.close();
    }

    final Tensor values(int seed, long... shape) {
        Tensor tensor = Tensor.allocate(arena, DType.F32, shape);
        Random random = new Random(seed);
        Tensor flat = tensor.reshape(tensor.elementCount());
        for (long i = 0; i < flat.dim(0); i++) {
            flat.setFloat((float) random.nextGaussian(), i);
        }
        return tensor;
    }
}
