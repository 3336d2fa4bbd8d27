package dev.moba4j.benchmarks.peers;

import dev.moba4j.DType;
import dev.moba4j.RunControl;
import dev.moba4j.cli.bench.Attempt;
import dev.moba4j.cli.bench.BenchCase;
import dev.moba4j.cli.bench.Contender;
import dev.moba4j.cli.bench.Operands;
import dev.moba4j.cli.bench.Operation;
import java.lang.foreign.Arena;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** PyTorch's scaled_dot_product_attention on the processor, as its C++ library computes it. */
public final class PyTorch implements Contender {
    @Override
    public String name() {
        return "pytorch";
    }

    @Override
    public String version() {
        return torch.class.getPackage().getImplementationVersion() + ", OpenBLAS";
    }

    @Override
    public Attempt prepare(BenchCase which, Operands operands) {
        if (which.isRouted() || which.operation() == Operation.ROUTE) {
            throw new UnsupportedOperationException("it has no block-sparse attention");
        }
        if (which.causal() && !which.isDecode() && which.queries() != which.tokens()) {
            throw new UnsupportedOperationException("its causal mask begins at the first key");
        }
        torch.set_num_threads(which.threads());
        openblas_nolapack.blas_set_num_threads(which.threads());
        return new Running(which, operands);
    }

    private static final class Running implements Attempt {
        private final Arena arena = Arena.ofShared();
        private final dev.moba4j.Tensor result;
        private final Tensor q;
        private final Tensor k;
        private final Tensor v;
        private final boolean causal;
        private final boolean grouped;
        private @Nullable Tensor o;

        Running(BenchCase which, Operands operands) {
            q = headMajor(operands.q());
            k = headMajor(operands.k());
            v = headMajor(operands.v());
            causal = which.causal() && !which.isDecode(); // one query sees every key
            grouped = which.heads() > which.kvHeads();
            result = dev.moba4j.Tensor.allocate(
                    arena, which.dtype(), operands.q().shape());
        }

        @Override
        public void run(RunControl control) {
            Tensor last = o;
            if (last != null) {
                last.close();
            }
            o = torch.scaled_dot_product_attention(
                    q, k, v, new TensorOptional(), 0, causal, new DoubleOptional(), grouped);
        }

        @Override
        public dev.moba4j.Tensor result() {
            try (Tensor target = headMajor(result)) {
                target.copy_(o);
            }
            return result;
        }

        @Override
        public void close() {
            for (Tensor tensor : new Tensor[] {o, q, k, v}) {
                if (tensor != null) {
                    tensor.close();
                }
            }
            arena.close();
        }
    }

    /** {@code [T, H, D]} as PyTorch sees it, {@code [1, H, T, D]}, without a copy. */
    private static Tensor headMajor(dev.moba4j.Tensor tensor) {
        long tokens = tensor.dim(0);
        long heads = tensor.dim(1);
        long channels = tensor.dim(2);
        return torch.from_blob(
                new Address(tensor.address()),
                new long[] {1, heads, tokens, channels},
                new long[] {tensor.elementCount(), channels, heads * channels, 1},
                new TensorOptions(type(tensor.dtype())));
    }

    private static torch.ScalarType type(DType dtype) {
        return switch (dtype) {
            case F32 -> torch.ScalarType.Float;
            case F16 -> torch.ScalarType.Half;
            case BF16 -> torch.ScalarType.BFloat16;
            case I32, I64 -> throw new IllegalArgumentException("dtype is " + dtype + ", expected F32, F16 or BF16");
        };
    }

    /** A pointer to memory that is someone else's. */
    private static final class Address extends Pointer {
        Address(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }
}
