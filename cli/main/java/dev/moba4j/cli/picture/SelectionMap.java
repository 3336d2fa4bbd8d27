package dev.moba4j.cli.picture;

import dev.moba4j.Tensor;
import dev.moba4j.cli.Sequences;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * A picture of a selection: which blocks the queries read, query position across, key block upwards, one panel a head.
 */
public final class SelectionMap {
    private static final int MAX_PANELS = 4;
    private static final int MAX_COLUMNS = 512;
    private static final int MAX_ROWS = 256;
    /** All of the plot area but a hair, without which the first and last labels would be left out. */
    private static final double PLOT_SHARE = 0.995;

    private static final int MAX_STEPS = 8;

    private SelectionMap() {}

    /**
     * Something to point at.
     *
     * @param query row of the packed queries
     * @param block block, numbered through the packed batch
     * @param label drawn beside it
     */
    public record Mark(long query, long block, String label) {}

    /**
     * Draws the map.
     *
     * @param selected contiguous {@code [Tq, H, K']} I32; of more than four heads, four spread evenly are drawn
     * @param marks drawn as rings in every panel
     * @return a PNG file's bytes
     */
    public static byte[] png(Tensor selected, Sequences sequences, long blockSize, List<Mark> marks) {
        List<XYChart> panels = drawnHeads(selected.dim(1))
                .mapToObj(head -> panel(selected, head, sequences, blockSize, marks))
                .toList();
        int across = panels.size() == MAX_PANELS ? MAX_PANELS / 2 : panels.size();
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        try {
            BitmapEncoder.saveBitmap(panels, Math.ceilDiv(panels.size(), across), across, png, BitmapFormat.PNG);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return png.toByteArray();
    }

    /**
     * Draws the map of one head.
     *
     * @param selected contiguous {@code [Tq, H, K']} I32
     * @param marks drawn as rings
     * @return a PNG file's bytes
     */
    public static byte[] png(Tensor selected, long head, Sequences sequences, long blockSize, List<Mark> marks) {
        return Png.of(panel(selected, head, sequences, blockSize, marks));
    }

    private static LongStream drawnHeads(long heads) {
        long panels = Math.min(heads, MAX_PANELS);
        return LongStream.range(0, panels).map(panel -> panels == 1 ? 0 : panel * (heads - 1) / (panels - 1));
    }

    private static XYChart panel(Tensor selected, long head, Sequences sequences, long blockSize, List<Mark> marks) {
        SelectionDensity density = SelectionDensity.of(selected, head, sequences, blockSize, MAX_COLUMNS, MAX_ROWS);
        XYChart chart = new XYChartBuilder()
                .width(900)
                .height(640)
                .title(String.format(Locale.ROOT, "head %d: blocks its queries read", head))
                .xAxisTitle("query position (token)")
                .yAxisTitle(String.format(Locale.ROOT, "key block (%d tokens each)", blockSize))
                .build();
        ChartStyle.apply(chart.getStyler());
        chart.getStyler().setPlotContentSize(PLOT_SHARE);
        chart.getStyler()
                .setXAxisDecimalPattern("#,##0")
                .setYAxisDecimalPattern("#,##0")
                .setXAxisTickMarkSpacingHint(110);
        chart.getStyler().setXAxisMin(0.0).setXAxisMax((double) density.queries());
        chart.getStyler().setYAxisMin(0.0).setYAxisMax((double) density.blocks());
        labelAxes(chart, ticks(density.queries()), ticks(density.blocks()));
        chart.addAnnotation(new DensityLayer(density, marks));
        return chart;
    }

    /** The chart labels the values of its data, so the labels wanted are given as invisible data. */
    private static void labelAxes(XYChart chart, double[] queries, double[] blocks) {
        chart.addSeries("queries", queries, new double[queries.length])
                .setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter)
                .setMarker(SeriesMarkers.NONE);
        chart.addSeries("blocks", new double[blocks.length], blocks)
                .setXYSeriesRenderStyle(XYSeriesRenderStyle.Scatter)
                .setMarker(SeriesMarkers.NONE);
    }

    /** Multiples of a power of two from 0 to {@code end}, eight steps at most. */
    private static double[] ticks(long end) {
        long step = 1;
        while (end > MAX_STEPS * step) {
            step *= 2;
        }
        long width = step;
        return LongStream.rangeClosed(0, end / width)
                .mapToDouble(tick -> tick * width)
                .toArray();
    }
}
