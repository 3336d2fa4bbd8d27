package dev.moba4j.internal;

import dev.moba4j.Tensor;

/** Inputs {@code (oA, lseA)}, {@code (oB, lseB)} and output {@code (o, lse)} of a merge. */
public record MergeOperands(Tensor oA, Tensor lseA, Tensor oB, Tensor lseB, Tensor o, Tensor lse) {}
