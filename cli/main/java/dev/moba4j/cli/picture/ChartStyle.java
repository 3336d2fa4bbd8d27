package dev.moba4j.cli.picture;

import java.awt.Color;
import java.awt.Font;
import org.knowm.xchart.style.AxesChartStyler;

/** How charts of this program look. */
public final class ChartStyle {
    /** Labels. */
    public static final Font TEXT = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
    /** What was chosen, or measured. */
    public static final Color CHOSEN = new Color(0x12, 0x4E, 0x96);

    private static final Font HEADING = new Font(Font.SANS_SERIF, Font.BOLD, 17);
    private static final Color GRID = new Color(0xE4E7EC);

    private ChartStyle() {}

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
}
