package dev.moba4j.cli;

import java.util.ArrayList;
import java.util.List;

/** A table of text: in box-drawing characters, columns as wide as they need to be, or as HTML. */
public final class Table {
    /** Where a column's text stands. */
    public enum Align {
        /** At the left: words. */
        LEFT,
        /** At the right: numbers. */
        RIGHT
    }

    private final Align[] columns;
    private final List<List<String>> rows = new ArrayList<>();

    /** A table whose columns stand as {@code columns} say. */
    public Table(Align... columns) {
        this.columns = columns.clone();
    }

    /** Adds a row with one cell for each column; the first row is the heading. */
    public Table row(String... cells) {
        if (cells.length != columns.length) {
            throw new IllegalArgumentException("a row has " + cells.length + " cells, expected " + columns.length);
        }
        rows.add(List.of(cells));
        return this;
    }

    /** The table as HTML; words of the cells are not markup. */
    public String toHtml() {
        StringBuilder html = new StringBuilder("<table>\n");
        for (int row = 0; row < rows.size(); row++) {
            html.append("<tr>");
            for (int column = 0; column < columns.length; column++) {
                String tag = row == 0 ? "th" : "td";
                html.append('<').append(tag).append(columns[column] == Align.RIGHT ? " class=\"number\">" : ">");
                html.append(Html.text(rows.get(row).get(column)))
                        .append("</")
                        .append(tag)
                        .append('>');
            }
            html.append("</tr>\n");
        }
        return html.append("</table>\n").toString();
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        rule(text, "┌", "┬", "┐");
        for (int row = 0; row < rows.size(); row++) {
            if (row == 1) {
                rule(text, "├", "┼", "┤");
            }
            cells(text, rows.get(row));
        }
        rule(text, "└", "┴", "┘");
        return text.toString();
    }

    private void rule(StringBuilder text, String left, String middle, String right) {
        for (int column = 0; column < columns.length; column++) {
            text.append(column == 0 ? left : middle).repeat("─", width(column) + 2);
        }
        text.append(right).append('\n');
    }

    private void cells(StringBuilder text, List<String> cells) {
        for (int column = 0; column < columns.length; column++) {
            String cell = cells.get(column);
            int space = width(column) - length(cell);
            boolean right = columns[column] == Align.RIGHT;
            text.append("│ ").repeat(" ", right ? space : 0).append(cell).repeat(" ", right ? 1 : space + 1);
        }
        text.append("│\n");
    }

    private int width(int column) {
        return rows.stream().mapToInt(row -> length(row.get(column))).max().orElse(0);
    }

    private static int length(String cell) {
        return cell.codePointCount(0, cell.length());
    }
}
