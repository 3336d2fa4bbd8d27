package dev.moba4j.cli.picture;

import java.awt.Color;
import java.awt.Font;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/** How charts of this program look: in colours that differ in lightness too, so that who sees few colours tells them apart. */
public final class ChartStyle {
    /** Labels. */
    public static final Font TEXT = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
    /** What was chosen, or measured. */
    public static final Color CHOSEN = new Color(0x12, 0x4E, 0x96);

    /** Full attention. */
    public static final Color FULL = new Color(0xC0, 0x4A, 0x00);
    /** Java on the Vector API. */
    public static final Color JAVA = new Color(0x2A, 0xA0, 0x7A);
    /** Lines that guide the eye. */
    public static final Color GUIDE = new Color(0x8A, 0x8F, 0x98);

    private static final Font HEADING = new Font(Font.SANS_SERIF, Font.BOLD, 17);
    private static final int LEGEND_LINE = 40;
    private static final int MOST_LINES_INSIDE = 4;
    private static final Color GRID = new Color(0xE4E7EC);

    private static final Color[] OTHERS = {
        new Color(0x7B, 0x3F, 0xA0),
        new Color(0xB5, 0x89, 0x00),
        new Color(0xD8, 0x6A, 0x9E),
        new Color(0x4C, 0x56, 0x6A)
    };

    private ChartStyle() {}

    /** A colour of one more, the {@code index}th, who has none of the names above. */
    public static Color other(int index) {
        return OTHERS[index % OTHERS.length];
    }

    /** White, one legible font, no legend. */
    public static void apply(AxesChartStyler styler) {
        styler.setLegendVisible(false);
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setChartTitleBoxVisible(false);
        styler.setChartTitleFont(HEADING);
        styler.setChartPadding(14);
        styler.setPlotBackgroundColor(Color.WHITE);
        styler.setAxisTitleFont(TEXT);
        styler.setAxisTickLabelsFont(TEXT);
        styler.setPlotMargin(0);
        styler.setPlotGridLinesColor(GRID);
    }

    /** A legend without a border, where {@code lines} of it leave room for the plot. */
    public static void showLegend(AxesChartStyler styler, LegendPosition position, int lines) {
        showLegend(styler, lines > MOST_LINES_INSIDE ? LegendPosition.OutsideE : position);
    }

    /** A legend without a border. */
    public static void showLegend(AxesChartStyler styler, LegendPosition position) {
        styler.setLegendVisible(true);
        styler.setLegendPosition(position);
        if (position == LegendPosition.OutsideS) {
            styler.setLegendLayout(LegendLayout.Horizontal);
        }
        styler.setLegendFont(TEXT);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setLegendSeriesLineLength(LEGEND_LINE);
    }
}
