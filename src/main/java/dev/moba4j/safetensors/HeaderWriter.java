package dev.moba4j.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;

/** Writes the JSON of a header, padded with spaces so that the data begins at a multiple of 64 bytes. */
final class HeaderWriter {
    private static final int ALIGNMENT = 64;
    private static final JsonFactory JSON = new JsonFactory();

    private HeaderWriter() {}

    static byte[] write(Map<String, TensorEntry> tensors) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator generator = JSON.createGenerator(bytes)) {
            generator.writeStartObject();
            for (Map.Entry<String, TensorEntry> tensor : tensors.entrySet()) {
                TensorEntry entry = tensor.getValue();
                generator.writeObjectFieldStart(tensor.getKey());
                generator.writeStringField("dtype", entry.dtype());
                writeArray(generator, "shape", entry.shape());
                writeArray(generator, "data_offsets", entry.begin(), entry.end());
                generator.writeEndObject();
            }
            generator.writeEndObject();
        }
        while ((Long.BYTES + bytes.size()) % ALIGNMENT != 0) {
            bytes.write(' ');
        }
        return bytes.toByteArray();
    }

    private static void writeArray(JsonGenerator generator, String field, long... values) throws IOException {
        generator.writeFieldName(field);
        generator.writeArray(values, 0, values.length);
    }
}
