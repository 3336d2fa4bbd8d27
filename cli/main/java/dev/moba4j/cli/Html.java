package dev.moba4j.cli;

/** Text in HTML. */
public final class Html {
    private Html() {}

    /** Text that is no markup, also within a quoted attribute. */
    public static String text(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
