package consumer;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import dev.moba4j.MobaException;
import dev.moba4j.Tensor;
import dev.moba4j.safetensors.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/** Computes attention on the backend named first, then opens the safetensors file named second; prints one line each. */
public final class Consumer {
    private Consumer() {}

    /** Entry of the program. */
    public static void main(String[] arguments) throws IOException {
        try (Engine engine = Engine.open(EngineOptions.defaults().withBackend(arguments[0]))) {
            System.out.println(engine.info().backend() + ": " + attention(engine));
        } catch (MobaException e) {
            System.out.println(e.getMessage());
        }
        try (SafetensorsFile file = SafetensorsFile.open(Path.of(arguments[1]))) {
            System.out.println("tensors: " + file.names());
        } catch (MobaException e) {
            System.out.println(e.getMessage());
        }
    }

    /** Two keys with weights 1/4 and 3/4, whose values are 0 and 4. */
    private static float attention(Engine engine) {
        try (Arena arena = Arena.ofShared()) {
            Tensor q = Tensor.ofFloats(arena, DType.F32, new float[] {1}, 1, 1, 1);
            Tensor k = Tensor.ofFloats(arena, DType.F32, new float[] {0, (float) Math.log(3)}, 2, 1, 1);
            Tensor v = Tensor.ofFloats(arena, DType.F32, new float[] {0, 4}, 2, 1, 1);
            Tensor o = Tensor.allocate(arena, DType.F32, 1, 1, 1);
            engine.attend(
                    AttentionInputs.of(q, k, v),
                    AttentionOutputs.of(o),
                    AttentionOptions.fullAttention().withCausal(false));
            return o.getFloat(0, 0, 0);
        }
    }
}
