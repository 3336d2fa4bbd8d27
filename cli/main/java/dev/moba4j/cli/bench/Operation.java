package dev.moba4j.cli.bench;

/** What is timed. */
public enum Operation {
    /** Attention, with the routing where there is one. */
    ATTEND,
    /** Routing alone. */
    ROUTE
}
