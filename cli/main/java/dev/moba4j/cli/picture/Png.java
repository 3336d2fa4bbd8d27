package dev.moba4j.cli.picture;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.internal.chartpart.Chart;

/** Charts as PNG files. */
public final class Png {
    private Png() {}

    /** A PNG file's bytes. */
    public static byte[] of(Chart<?, ?> chart) {
        try {
            return ChartEncoder.getBytes(chart, "png");
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory is written to
        }
    }
}
