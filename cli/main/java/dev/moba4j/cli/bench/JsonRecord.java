package dev.moba4j.cli.bench;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.moba4j.cli.BadInputException;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Java records as JSON objects: their strings, whole numbers, numbers and truth values, by names with underscores.
 * What Java does not allow as a name ends in Name there, and not in JSON. */
final class JsonRecord {
    private static final double DIGITS = 1e6;

    private JsonRecord() {}

    static void write(JsonGenerator json, Record record) throws IOException {
        json.writeStartObject();
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            json.writeFieldName(jsonName(component));
            switch (value(component, record)) {
                case String text -> json.writeString(text);
                case Long number -> json.writeNumber(number);
                case Double number -> json.writeNumber(Math.rint(number * DIGITS) / DIGITS);
                case Boolean truth -> json.writeBoolean(truth);
                default -> throw new AssertionError(component);
            }
        }
        json.writeEndObject();
    }

    /** Reads the object that begins at the current token, to its end. */
    static <T extends Record> T read(JsonParser json, Class<T> type) throws IOException {
        Map<String, Object> values = new HashMap<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String name = json.currentName();
            values.put(
                    name,
                    switch (json.nextToken()) {
                        case VALUE_STRING -> json.getText();
                        case VALUE_NUMBER_INT -> json.getLongValue();
                        case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
                        case VALUE_TRUE, VALUE_FALSE -> json.getBooleanValue();
                        default -> throw new BadInputException("no plain value of " + name);
                    });
        }
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return type.getConstructor(types)
                    .newInstance(Arrays.stream(components)
                            .map(component -> required(values, component))
                            .toArray());
        } catch (ReflectiveOperationException | IllegalArgumentException e) {
            throw new BadInputException(type.getSimpleName() + " does not fit: " + e.getMessage());
        }
    }

    private static Object required(Map<String, Object> values, RecordComponent component) {
        Object value = values.get(jsonName(component));
        if (value == null) {
            throw new BadInputException("there is no " + jsonName(component));
        }
        return component.getType() == double.class && value instanceof Long whole ? whole.doubleValue() : value;
    }

    private static Object value(RecordComponent component, Record record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static String jsonName(RecordComponent component) {
        return component
                .getName()
                .replaceFirst("Name$", "")
                .replaceAll("([A-Z])", "_$1")
                .toLowerCase(Locale.ROOT);
    }
}
