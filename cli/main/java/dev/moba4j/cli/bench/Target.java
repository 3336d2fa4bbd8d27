package dev.moba4j.cli.bench;

/**
 * What a figure ought to be, and what it is.
 *
 * @param what the case
 * @param required in words
 * @param measured in words; "not measured" where the result file lacks it
 * @param verdict "reached", "missed", or empty where it was not measured
 */
record Target(String what, String required, String measured, String verdict) {

    static Target of(String what, String required, String measured, boolean reached) {
        return new Target(what, required, measured, reached ? "reached" : "**missed**");
    }

    static Target notMeasured(String what, String required) {
        return new Target(what, required, "not measured", "");
    }
}
