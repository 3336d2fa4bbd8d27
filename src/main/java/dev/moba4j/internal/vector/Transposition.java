package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.PANEL;

/** Between rows of channels and panels {@code [channel][query]}. */
final class Transposition {
    private Transposition() {}

    /**
     * Gathers rows into a panel; queries beyond the last row repeat it.
     *
     * @param source rows of {@code channels} floats
     * @param rows which rows, {@code count} of them from {@code first}
     */
    static void gather(float[] source, int channels, int[] rows, int first, int count, float[] panel) {
        for (int query = 0; query < PANEL; query++) {
            int from = rows[first + Math.min(query, count - 1)] * channels;
            for (int channel = 0; channel < channels; channel++) {
                panel[channel * PANEL + query] = source[from + channel];
            }
        }
    }

    /**
     * Turns a panel into rows.
     *
     * @param panel {@code [channel][PANEL]}
     * @param rows gets {@code [PANEL][channels]}
     */
    static void panelToRows(float[] panel, int channels, float[] rows) {
        for (int query = 0; query < PANEL; query++) {
            int at = query * channels;
            for (int channel = 0; channel < channels; channel++) {
                rows[at + channel] = panel[channel * PANEL + query];
            }
        }
    }
}
