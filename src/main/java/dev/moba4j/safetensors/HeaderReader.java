package dev.moba4j.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads the JSON of a header token by token, and refuses whatever is not as the format says. */
final class HeaderReader {
    private static final JsonFactory JSON = new JsonFactory();
    private static final int MOST_SIZES = 64;

    private final Path file;
    private final JsonParser parser;
    private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private HeaderReader(Path file, JsonParser parser) {
        this.file = file;
        this.parser = parser;
    }

    static Header read(Path file, byte[] json) throws IOException {
        // Of bytes alone the parser would guess the encoding.
        Reader text = new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder());
        try (JsonParser parser = JSON.createParser(text)) {
            return new HeaderReader(file, parser).header();
        } catch (CharacterCodingException e) {
            throw new SafetensorsException(file + ": the header is no valid UTF-8, expected JSON in UTF-8", e);
        } catch (StreamConstraintsException e) {
            throw new SafetensorsException(
                    file + ": the header is refused, expected reasonable sizes: " + e.getOriginalMessage(), e);
        } catch (JsonProcessingException e) {
            throw new SafetensorsException(
                    file + ": the header is no valid JSON at its character "
                            + e.getLocation().getCharOffset() + ", expected one object",
                    e);
        }
    }

    private Header header() throws IOException {
        expect("the header", JsonToken.START_OBJECT);
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            boolean repeated;
            if (name.equals(Header.METADATA)) {
                repeated = !metadata.isEmpty();
                readMetadata();
            } else {
                repeated = tensors.put(name, entry(name)) != null;
            }
            if (repeated) {
                throw refused(Quotation.of(name), "appears twice", "each name once");
            }
        }
        if (parser.nextToken() != null) {
            throw refused("the header", "goes on after its closing brace", "nothing but spaces");
        }
        return new Header(tensors, metadata);
    }

    private void readMetadata() throws IOException {
        expect(Header.METADATA, JsonToken.START_OBJECT);
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            expect(Header.METADATA + "." + Quotation.of(key), JsonToken.VALUE_STRING);
            metadata.put(key, parser.getText());
        }
    }

    private TensorEntry entry(String name) throws IOException {
        String tensor = "tensor " + Quotation.of(name);
        expect(tensor, JsonToken.START_OBJECT);
        @Nullable String dtype = null;
        long @Nullable [] shape = null;
        long @Nullable [] offsets = null;
        Set<String> fields = new HashSet<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String field = parser.currentName();
            if (!fields.add(field)) {
                throw refused(tensor + "." + Quotation.of(field), "appears twice", "each field once");
            }
            switch (field) {
                case "dtype" -> {
                    expect(tensor + ".dtype", JsonToken.VALUE_STRING);
                    dtype = parser.getText();
                }
                case "shape" -> shape = sizes(tensor + ".shape");
                case "data_offsets" -> offsets = sizes(tensor + ".data_offsets");
                default -> throw refused(tensor, "has a field " + Quotation.of(field), "dtype, shape and data_offsets");
            }
        }
        if (dtype == null || shape == null || offsets == null) {
            throw refused(tensor, "is incomplete", "dtype, shape and data_offsets");
        }
        if (offsets.length != 2 || offsets[0] > offsets[1]) {
            throw refused(tensor + ".data_offsets", "is " + Arrays.toString(offsets), "[begin, end] with begin <= end");
        }
        return new TensorEntry(dtype, shape, offsets[0], offsets[1]);
    }

    private long[] sizes(String what) throws IOException {
        expect(what, JsonToken.START_ARRAY);
        List<Long> sizes = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            boolean fits = parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                    && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
            if (!fits || parser.getLongValue() < 0) {
                throw refused(what, "holds " + Quotation.of(parser.getText()), "whole numbers from 0 to 2^63 - 1");
            }
            if (sizes.size() == MOST_SIZES) {
                throw refused(what, "has more than " + MOST_SIZES + " entries", "at most that many");
            }
            sizes.add(parser.getLongValue());
        }
        return sizes.stream().mapToLong(Long::longValue).toArray();
    }

    private void expect(String what, JsonToken expected) throws IOException {
        JsonToken token = parser.nextToken();
        if (token != expected) {
            String found = token == null ? "missing" : Quotation.of(parser.getText());
            throw refused(what, "is " + found, kind(expected));
        }
    }

    private static String kind(JsonToken token) {
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            default -> "a string";
        };
    }

    private SafetensorsException refused(String what, String was, String expected) {
        return new SafetensorsException(file + ": " + what + " " + was + ", expected " + expected);
    }
}
