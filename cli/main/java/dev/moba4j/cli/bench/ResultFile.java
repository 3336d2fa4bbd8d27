package dev.moba4j.cli.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.moba4j.cli.BadInputException;
import dev.moba4j.cli.Json;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a suite found, as JSON: an object {@code {"setting": {…}, "versions": [{…}], "measurements": [{…}]}}.
 *
 * @param setting where and when
 * @param versions of everyone who took part
 * @param measurements in the order in which they were made
 */
record ResultFile(Setting setting, List<Version> versions, List<Measurement> measurements) {

    /** The file's text. */
    String json() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = Json.generator(text)) {
            json.writeStartObject();
            json.writeFieldName("setting");
            JsonRecord.write(json, setting);
            json.writeArrayFieldStart("versions");
            for (Version version : versions) {
                JsonRecord.write(json, version);
            }
            json.writeEndArray();
            json.writeArrayFieldStart("measurements");
            for (Measurement measurement : measurements) {
                JsonRecord.write(json, measurement);
            }
            json.writeEndArray();
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text + "\n";
    }

    /** Reads a file that {@link #json} made. */
    static ResultFile read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new BadInputException("--report is " + file + ", expected a file that moba bench --json wrote");
        }
        try (JsonParser json = new JsonFactory().createParser(file.toFile())) {
            require(json.nextToken() == JsonToken.START_OBJECT, "an object");
            require("setting".equals(json.nextFieldName()), "\"setting\"");
            json.nextToken();
            Setting setting = JsonRecord.read(json, Setting.class);
            require("versions".equals(json.nextFieldName()), "\"versions\"");
            List<Version> versions = list(json, Version.class);
            require("measurements".equals(json.nextFieldName()), "\"measurements\"");
            return new ResultFile(setting, versions, list(json, Measurement.class));
        } catch (com.fasterxml.jackson.core.JacksonException | BadInputException e) {
            throw new BadInputException("--report is " + file + ", expected a file that moba bench --json wrote: "
                    + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    private static <T extends Record> List<T> list(JsonParser json, Class<T> type) throws IOException {
        require(json.nextToken() == JsonToken.START_ARRAY, "an array");
        List<T> records = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            records.add(JsonRecord.read(json, type));
        }
        return records;
    }

    private static void require(boolean condition, String expected) {
        if (!condition) {
            throw new BadInputException("expected " + expected);
        }
    }
}
