package dev.moba4j.cli.demo;

import dev.moba4j.cli.Html;
import dev.moba4j.cli.Table;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;

/** One HTML page that needs nothing beside itself: pictures, tables, and two sentences about each. */
final class DemoPage {
    private static final String STYLE =
            """
            :root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --line: #d0d7de; --back: #ffffff; }
            @media (prefers-color-scheme: dark) {
              :root { --text: #e6edf3; --quiet: #9198a1; --line: #3d444d; --back: #0d1117; }
            }
            body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
                   max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
            h1 { font-size: 1.7rem; margin-bottom: 0.3rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
            pre { color: var(--quiet); font: 0.85rem/1.5 ui-monospace, monospace; white-space: pre-wrap; }
            img { width: 100%; height: auto; border: 1px solid var(--line); border-radius: 6px; background: #ffffff; }
            .scroll { overflow-x: auto; }
            table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; margin: 1rem 0; }
            th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
            .number { text-align: right; }
            """;

    private final StringBuilder body = new StringBuilder();

    /** Begins the page with its heading and what was tried, in plain lines. */
    DemoPage(String title, String setting, String lead) {
        body.append("<h1>").append(Html.text(title)).append("</h1>\n<pre>");
        body.append(Html.text(setting.strip())).append("</pre>\n");
        paragraph(lead);
    }

    /** A section with its text. */
    DemoPage section(String heading, String text) {
        body.append("<h2>").append(Html.text(heading)).append("</h2>\n");
        paragraph(text);
        return this;
    }

    /** A picture of the section. */
    DemoPage picture(byte[] png, String description) {
        body.append("<img alt=\"").append(Html.text(description)).append("\" src=\"data:image/png;base64,");
        body.append(Base64.getEncoder().encodeToString(png)).append("\">\n");
        return this;
    }

    /** A table of the section. */
    DemoPage table(Table table) {
        body.append("<div class=\"scroll\">").append(table.toHtml()).append("</div>\n");
        return this;
    }

    private void paragraph(String text) {
        body.append("<p>").append(Html.text(text)).append("</p>\n");
    }

    /** The file's bytes. */
    byte[] bytes() {
        return String.format(
                        Locale.ROOT,
                        """
                        <!DOCTYPE html>
                        <html lang="en">
                        <head>
                        <meta charset="utf-8">
                        <meta name="viewport" content="width=device-width, initial-scale=1">
                        <title>moba4j: needles in a long context</title>
                        <style>
                        %s</style>
                        </head>
                        <body>
                        %s</body>
                        </html>
                        """,
                        STYLE,
                        body)
                .getBytes(StandardCharsets.UTF_8);
    }
}
