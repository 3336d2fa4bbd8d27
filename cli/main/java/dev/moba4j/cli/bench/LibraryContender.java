package dev.moba4j.cli.bench;

import dev.moba4j.AttentionOutputs;
import dev.moba4j.AttentionPlan;
import dev.moba4j.BackendUnavailableException;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.EngineOptions;
import dev.moba4j.PlanSpec;
import dev.moba4j.RunControl;
import dev.moba4j.Tensor;
import dev.moba4j.cli.ProgramVersion;
import java.lang.foreign.Arena;

/**
 * A backend of this library.
 *
 * @param name "native", "vector" or "scalar"
 */
public record LibraryContender(String name) implements Contender {
    static final LibraryContender NATIVE = new LibraryContender("native");
    static final LibraryContender VECTOR = new LibraryContender("vector");
    static final LibraryContender SCALAR = new LibraryContender("scalar");

    @Override
    public String version() {
        try (Engine engine = engine(1)) {
            return ProgramVersion.current() + ", " + engine.info().target();
        } catch (BackendUnavailableException e) {
            return ProgramVersion.current();
        }
    }

    @Override
    public boolean isCompiledAtRunTime() {
        return !equals(NATIVE);
    }

    private Engine engine(int threads) {
        return Engine.open(EngineOptions.defaults().withBackend(name).withThreads(threads));
    }

    @Override
    public Attempt prepare(BenchCase which, Operands operands) {
        Engine engine = engine(which.threads());
        AttentionPlan plan =
                engine.plan(PlanSpec.forTensors(operands.q(), operands.k(), operands.v(), null, which.options()));
        Arena arena = Arena.ofShared();
        boolean routes = which.operation() == Operation.ROUTE;
        Tensor result = routes
                ? Tensor.allocate(
                        arena, DType.I32, which.queries(), which.heads(), plan.selectionWidth(operands.inputs()))
                : Tensor.allocate(arena, which.dtype(), operands.q().shape());
        return new Attempt() {
            @Override
            public void run(RunControl control) {
                if (routes) {
                    plan.route(operands.inputs(), result, control);
                } else {
                    plan.attend(operands.inputs(), AttentionOutputs.of(result), control);
                }
            }

            @Override
            public Tensor result() {
                return result;
            }

            @Override
            public void close() {
                plan.close();
                engine.close();
                arena.close();
            }
        };
    }
}
