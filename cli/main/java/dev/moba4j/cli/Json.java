package dev.moba4j.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.Writer;

/** JSON as the command line writes it: indented. */
public final class Json {
    private Json() {}

    /** Writes to {@code target}. */
    public static JsonGenerator generator(Writer target) throws IOException {
        return new JsonFactory().createGenerator(target).useDefaultPrettyPrinter();
    }
}
