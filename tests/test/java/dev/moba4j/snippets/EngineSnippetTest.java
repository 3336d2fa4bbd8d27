package dev.moba4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionOutputs;
import dev.moba4j.BackendStatus;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.EngineInfo;
import dev.moba4j.EngineOptions;
import dev.moba4j.Tensor;
import java.lang.foreign.Arena;
import java.util.StringJoiner;
import org.junit.jupiter.api.Test;

/** Examples of {@link Engine} and of what describes it. */
class EngineSnippetTest {

    private static float attend() {
        // @start region="attend"
        try (Engine engine = Engine.open();
                Arena arena = Arena.ofShared()) {
            Tensor q = Tensor.allocate(arena, DType.F32, 1024, 8, 64); // [tokens, query heads, head dimension]
            Tensor k = Tensor.allocate(arena, DType.F32, 1024, 2, 64); // [tokens, key-value heads, head dimension]
            Tensor v = Tensor.allocate(arena, DType.F32, 1024, 2, 64).fill(2);
            Tensor o = Tensor.allocate(arena, DType.F32, 1024, 8, 64);
            engine.attend(AttentionInputs.of(q, k, v), AttentionOutputs.of(o), AttentionOptions.moba(128, 3));
            return o.getFloat(1023, 0, 0); // a mean of values that are all 2
        }
        // @end
    }

    @Test
    void attendsInOneCall() {
        assertThat(attend()).isEqualTo(2);
    }

    private static int threadsOfOptions() {
        // @start region="options"
        EngineOptions options = EngineOptions.defaults().withBackend("scalar").withThreads(2);
        try (Engine engine = Engine.open(options)) {
            return engine.info().threads(); // 2
        }
        // @end
    }

    @Test
    void opensWithOptions() {
        assertThat(threadsOfOptions()).isEqualTo(2);
    }

    private static String info() {
        // @start region="info"
        try (Engine engine = Engine.open()) {
            EngineInfo info = engine.info();
            return info.backend() + " (" + info.target() + "): " + info.reason();
        }
        // @end
    }

    @Test
    void tellsWhatItRunsOn() {
        assertThat(info()).matches("(native|vector|scalar) \\(.+\\): .+");
    }

    @Test
    void listsBackends() {
        // @start region="backends"
        StringJoiner missing = new StringJoiner("\n");
        for (BackendStatus backend : Engine.backends()) {
            if (!backend.available()) {
                missing.add(backend.name() + ": " + backend.detail());
            }
        }
        // @end
        assertThat(missing.toString()).contains("cuda: ");
    }
}
