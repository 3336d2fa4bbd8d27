package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

/** What an error message must be: one clear sentence on one line that names what was wrong. */
public final class Sentences {
    private Sentences() {}

    /** Asserts that the message is one line and contains each of {@code parts}. */
    public static void assertSentence(Throwable thrown, String... parts) {
        assertThat(thrown.getMessage())
                .as("message")
                .isNotBlank()
                .contains(parts)
                .hasLineCount(1);
        assertThat(thrown.getMessage().length())
                .as("length of \"%s\"", thrown.getMessage())
                .isBetween(15, 500);
    }
}
