package dev.moba4j.cli.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Directions in the space of keys that do not disturb each other: orthonormal random vectors. */
final class Directions {
    private final RandomGenerator random;
    private final int dimension;
    private final List<double[]> taken = new ArrayList<>();

    Directions(RandomGenerator random, int dimension) {
        this.random = random;
        this.dimension = dimension;
    }

    /** A further unit vector, orthogonal to all before. */
    double[] next() {
        double[] vector = random.doubles(dimension, -1, 1).toArray();
        for (double[] other : taken) {
            double along = dot(vector, other);
            for (int i = 0; i < dimension; i++) {
                vector[i] -= along * other[i];
            }
        }
        double norm = Math.sqrt(dot(vector, vector));
        for (int i = 0; i < dimension; i++) {
            vector[i] /= norm;
        }
        taken.add(vector);
        return vector;
    }

    /** {@code count} further ones. */
    List<double[]> next(int count) {
        List<double[]> vectors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            vectors.add(next());
        }
        return vectors;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
