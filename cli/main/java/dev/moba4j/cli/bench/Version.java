package dev.moba4j.cli.bench;

/**
 * A contender of a result file.
 *
 * @param contender its name
 * @param version its version and code path
 */
public record Version(String contender, String version) {}
