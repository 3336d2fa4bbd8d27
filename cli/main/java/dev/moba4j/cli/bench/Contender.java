package dev.moba4j.cli.bench;

/**
 * A way to compute attention that is measured: a backend of the library, or another program in the same process. Others are found
 * by {@link java.util.ServiceLoader}.
 */
public interface Contender {
    /** Name in tables and files. */
    String name();

    /** Its version, and the code path it takes here where it says so. */
    String version();

    /**
     * Whether its code is compiled while it runs, so that its first runs tell nothing.
     *
     * @return false unless it is Java
     */
    default boolean isCompiledAtRunTime() {
        return false;
    }

    /**
     * Makes everything that a run needs, outside what is timed.
     *
     * @param which what to compute, with its number of threads
     * @param operands the inputs; alive as long as the attempt
     * @return closed by the caller
     * @throws RuntimeException if this contender does not compute such a case, with the reason as its message
     */
    Attempt prepare(BenchCase which, Operands operands);
}
