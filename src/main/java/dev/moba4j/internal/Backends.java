package dev.moba4j.internal;

import dev.moba4j.internal.ffm.CudaBackend;
import dev.moba4j.internal.ffm.NativeBackend;
import dev.moba4j.internal.scalar.ScalarBackend;
import dev.moba4j.internal.vector.VectorBackend;
import java.util.List;

/** The backends there are, in the order in which "auto" tries them. */
public final class Backends {
    private static final List<Backend> ALL =
            List.of(new NativeBackend(), new CudaBackend(), new VectorBackend(), new ScalarBackend());

    private Backends() {}

    /** All backends, best first. */
    public static List<Backend> all() {
        return ALL;
    }
}
