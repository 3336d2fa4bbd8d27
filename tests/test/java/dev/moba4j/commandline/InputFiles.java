package dev.moba4j.commandline;

import dev.moba4j.DType;
import dev.moba4j.files.RawSafetensors;
import dev.moba4j.oracle.Problem;

/** Problems as the tensors of an input file. */
final class InputFiles {
    private InputFiles() {}

    /** q, k and v. */
    static RawSafetensors of(Problem problem) {
        return new RawSafetensors()
                .floats("q", problem.dtype(), problem.q(), problem.tokensQ(), problem.heads(), problem.headDim())
                .floats("k", problem.dtype(), problem.k(), problem.tokensK(), problem.kvHeads(), problem.headDim())
                .floats("v", problem.dtype(), problem.v(), problem.tokensK(), problem.kvHeads(), problem.headDimV());
    }

    /** q, k, v, cu_seqlens_q and cu_seqlens_k. */
    static RawSafetensors packed(Problem problem, DType cuSeqlens) {
        return of(problem)
                .integers("cu_seqlens_q", cuSeqlens, problem.cuSeqlensQ(), problem.sequences() + 1)
                .integers("cu_seqlens_k", cuSeqlens, problem.cuSeqlensK(), problem.sequences() + 1);
    }
}
