package dev.moba4j.benchmarks.peers;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.moba4j.DType;
import dev.moba4j.RunControl;
import dev.moba4j.Tensor;
import dev.moba4j.cli.bench.Attempt;
import dev.moba4j.cli.bench.BenchCase;
import dev.moba4j.cli.bench.Contender;
import dev.moba4j.cli.bench.Operands;
import dev.moba4j.cli.bench.Operation;
import java.lang.foreign.Arena;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** ONNX Runtime on the processor: one contender for each of its operators that compute attention. */
abstract sealed class OnnxRuntime implements Contender {
    private static final long MOST_SCORES = 1L << 28;
    private static final List<String> OUTPUT = List.of("o");

    private final String name;
    private final String operator;
    private final boolean contrib;

    private OnnxRuntime(String name, String operator, boolean contrib) {
        this.name = name;
        this.operator = operator;
        this.contrib = contrib;
    }

    /** The operator with as many key-value heads as query heads. */
    public static final class MultiHeadAttention extends OnnxRuntime {
        /** For the service loader. */
        public MultiHeadAttention() {
            super("onnxruntime-mha", "MultiHeadAttention", true);
        }

        @Override
        Map<String, Long> attributes(BenchCase which) {
            require(which.heads() == which.kvHeads(), "it has no grouped-query attention");
            return Map.of("num_heads", which.heads(), "unidirectional", which.isDecode() || !which.causal() ? 0L : 1L);
        }
    }

    /** The operator of decoders, which copies keys and values into its cache. */
    public static final class GroupQueryAttention extends OnnxRuntime {
        /** For the service loader. */
        public GroupQueryAttention() {
            super("onnxruntime-gqa", "GroupQueryAttention", true);
        }

        @Override
        Map<String, Long> attributes(BenchCase which) {
            require(which.causal() && !which.isDecode(), "it is causal, and attends to a cache of its own");
            return Map.of("num_heads", which.heads(), "kv_num_heads", which.kvHeads());
        }

        @Override
        List<OnnxModel.Input> furtherInputs() {
            return List.of(
                    OnnxModel.Input.absent(),
                    OnnxModel.Input.absent(),
                    new OnnxModel.Input("seqlens_k", OnnxModel.INT32, 1),
                    new OnnxModel.Input("total_sequence_length", OnnxModel.INT32, 1));
        }

        @Override
        List<String> outputs() {
            return List.of("o", "present_key", "present_value");
        }

        @Override
        Map<String, Integer> numbers(BenchCase which) {
            int tokens = Math.toIntExact(which.tokens());
            return Map.of("seqlens_k", tokens - 1, "total_sequence_length", tokens);
        }
    }

    /** The operator of the ONNX standard. */
    public static final class Attention extends OnnxRuntime {
        /** For the service loader. */
        public Attention() {
            super("onnxruntime-attention", "Attention", false);
        }

        @Override
        Map<String, Long> attributes(BenchCase which) {
            return Map.of(
                    "q_num_heads",
                    which.heads(),
                    "kv_num_heads",
                    which.kvHeads(),
                    "is_causal",
                    which.isDecode() || !which.causal() ? 0L : 1L);
        }
    }

    abstract Map<String, Long> attributes(BenchCase which);

    /** After query, key and value. */
    List<OnnxModel.Input> furtherInputs() {
        return List.of();
    }

    List<String> outputs() {
        return OUTPUT;
    }

    /** Values of the further inputs. */
    Map<String, Integer> numbers(BenchCase which) {
        return Map.of();
    }

    static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new UnsupportedOperationException(otherwise);
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String version() {
        return OrtEnvironment.getEnvironment().getVersion();
    }

    @Override
    public Attempt prepare(BenchCase which, Operands operands) {
        require(!which.isRouted() && which.operation() == Operation.ATTEND, "it has no block-sparse attention");
        require(
                which.queries() * which.tokens() * which.heads() <= MOST_SCORES,
                "it would write more than a GiB of scores");
        List<OnnxModel.Input> inputs = new ArrayList<>();
        inputs.add(input("query", operands.q()));
        inputs.add(input("key", operands.k()));
        inputs.add(input("value", operands.v()));
        inputs.addAll(furtherInputs());
        try {
            return new Running(
                    OnnxModel.of(operator, contrib, inputs, outputs(), attributes(which)),
                    which,
                    operands,
                    numbers(which));
        } catch (OrtException e) {
            throw new UnsupportedOperationException(e.getMessage(), e);
        }
    }

    private static OnnxModel.Input input(String name, Tensor tensor) {
        int type =
                switch (tensor.dtype()) {
                    case F32 -> OnnxModel.FLOAT;
                    case F16 -> OnnxModel.FLOAT16;
                    case BF16 -> OnnxModel.BFLOAT16;
                    case I32, I64 -> throw new IllegalArgumentException(tensor.toString());
                };
        return new OnnxModel.Input(name, type, shape(tensor));
    }

    /** {@code [T, H, D]} as these operators see it: {@code [1, T, H D]}. */
    private static long[] shape(Tensor tensor) {
        return new long[] {1, tensor.dim(0), tensor.dim(1) * tensor.dim(2)};
    }

    private static final class Running implements Attempt {
        private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
        private final Arena arena = Arena.ofShared();
        private final Map<String, OnnxTensor> inputs = new HashMap<>();
        private final Map<String, OnnxTensor> outputs = new HashMap<>();
        private final Tensor result;
        private final OrtSession session;

        Running(byte[] model, BenchCase which, Operands operands, Map<String, Integer> numbers) throws OrtException {
            try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
                options.setIntraOpNumThreads(which.threads());
                options.setInterOpNumThreads(1);
                session = environment.createSession(model, options);
            }
            inputs.put("query", wrap(operands.q()));
            inputs.put("key", wrap(operands.k()));
            inputs.put("value", wrap(operands.v()));
            for (Map.Entry<String, Integer> number : numbers.entrySet()) {
                inputs.put(number.getKey(), OnnxTensor.createTensor(environment, new int[] {number.getValue()}));
            }
            result = Tensor.allocate(arena, which.dtype(), operands.q().shape());
            outputs.put("o", wrap(result));
        }

        private OnnxTensor wrap(Tensor tensor) throws OrtException {
            return OnnxTensor.createTensor(
                    environment,
                    tensor.segment().asByteBuffer().order(ByteOrder.nativeOrder()),
                    shape(tensor),
                    type(tensor.dtype()));
        }

        private static OnnxJavaType type(DType dtype) {
            return switch (dtype) {
                case F32 -> OnnxJavaType.FLOAT;
                case F16 -> OnnxJavaType.FLOAT16;
                case BF16 -> OnnxJavaType.BFLOAT16;
                case I32, I64 -> throw new IllegalArgumentException(dtype.name());
            };
        }

        @Override
        public void run(RunControl control) {
            try (OrtSession.Result ran = session.run(inputs, outputs)) {
                assert ran != null;
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public Tensor result() {
            return result;
        }

        @Override
        public void close() {
            inputs.values().forEach(OnnxTensor::close);
            outputs.values().forEach(OnnxTensor::close);
            try {
                session.close();
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
            arena.close();
        }
    }
}
