package dev.moba4j.cli.picture;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.image.BufferedImage;
import java.util.List;
import org.knowm.xchart.AnnotationImage;

/**
 * Fills a chart's plot area with the cells of a selection, darker where more queries chose the block, and rings the
 * marks.
 */
final class DensityLayer extends AnnotationImage {
    private static final Color MARK = new Color(0xE8, 0x59, 0x0C);
    private static final int LIGHTEST = 70;
    private static final int RADIUS = 9;

    private final BufferedImage cells;
    private final long queries;
    private final long blocks;
    private final List<SelectionMap.Mark> marks;

    DensityLayer(SelectionDensity density, List<SelectionMap.Mark> marks) {
        this(density, cells(density), marks);
    }

    private DensityLayer(SelectionDensity density, BufferedImage cells, List<SelectionMap.Mark> marks) {
        super(cells, 0, 0, false);
        this.cells = cells;
        this.queries = density.queries();
        this.blocks = density.blocks();
        this.marks = List.copyOf(marks);
    }

    private static BufferedImage cells(SelectionDensity density) {
        BufferedImage image = new BufferedImage(
                Math.max(1, density.columns()), Math.max(1, density.rows()), BufferedImage.TYPE_INT_ARGB);
        for (int column = 0; column < density.columns(); column++) {
            for (int row = 0; row < density.rows(); row++) {
                image.setRGB(column, density.rows() - 1 - row, colour(density.at(column, row)));
            }
        }
        return image;
    }

    /** Transparent for none; even a rare choice is dark enough to be seen. */
    private static int colour(float share) {
        int opacity = share == 0 ? 0 : LIGHTEST + Math.round((255 - LIGHTEST) * share);
        return opacity << 24 | ChartStyle.CHOSEN.getRGB() & 0xFFFFFF;
    }

    @Override
    public void paint(Graphics2D graphics) {
        int left = getXAxisScreenValue(0);
        int right = getXAxisScreenValue(queries);
        int bottom = getYAxisScreenValue(0);
        int top = getYAxisScreenValue(blocks);
        graphics.setRenderingHint(
                RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
        graphics.drawImage(cells, left, top, right - left, bottom - top, null);
        graphics.setColor(MARK);
        graphics.setStroke(new BasicStroke(2.5f));
        graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 14));
        for (SelectionMap.Mark mark : marks) {
            int x = getXAxisScreenValue(mark.query() + 0.5);
            int y = getYAxisScreenValue(mark.block() + 0.5);
            graphics.draw(new Ellipse2D.Double(x - RADIUS, y - RADIUS, 2.0 * RADIUS, 2.0 * RADIUS));
            graphics.drawString(
                    mark.label(), x - RADIUS - 2 - graphics.getFontMetrics().stringWidth(mark.label()), y + 5);
        }
    }
}
