package dev.moba4j.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import dev.moba4j.safetensors.SafetensorsException;
import dev.moba4j.safetensors.SafetensorsFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A valid safetensors file with spoilt parts. Opening it succeeds, and then every tensor can be read or is refused; or
 * it is refused.
 */
public final class SafetensorsFuzzer {
    private static final FuzzedFile FILE = new FuzzedFile();
    private static final String[] DTYPES = {"F32", "F16", "BF16", "I32", "I64", "U8", "F8_E4M3"};
    private static final int[] BYTES = {4, 2, 2, 4, 8, 1, 1};
    private static final String[] FRAGMENTS = {
        "",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"t0\"",
        "\"__metadata__\":{\"a\":\"b\"},",
        "\"__metadata__\":{},",
        "\"dtype\":",
        "\"shape\":",
        "\"data_offsets\":",
        "\"F32\"",
        "\"I64\"",
        "null",
        "true",
        "0",
        "1",
        "8",
        "-1",
        "1.5",
        "1e3",
        "[]",
        "2147483648",
        "4611686018427387904",
        "9223372036854775807",
        "9223372036854775808",
        "\\u0000",
        "\\ud800",
        "\n",
        "[[[[[[[[",
        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
    };

    private SafetensorsFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(FuzzedDataProvider data) throws IOException {
        StringBuilder header = new StringBuilder("{");
        int bytes = appendTensors(data, header);
        header.append('}');
        int spoiltText = data.consumeInt(0, 4);
        for (int i = 0; i < spoiltText; i++) {
            FuzzedFile.spoil(data, header, FRAGMENTS);
        }
        byte[] text = header.toString()
                .getBytes(data.consumeBoolean() ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
        byte[] content = ByteBuffer.allocate(Long.BYTES + text.length + bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .put(Arrays.copyOf(data.consumeBytes(bytes), bytes))
                .array();
        int spoiltBytes = data.consumeInt(0, 2);
        for (int i = 0; i < spoiltBytes; i++) {
            content = FuzzedFile.spoil(data, content);
        }
        FILE.write(content);
        assertThat(opens() || spoiltText + spoiltBytes > 0)
                .as("a valid file is opened")
                .isTrue();
    }

    private static int appendTensors(FuzzedDataProvider data, StringBuilder header) {
        int end = 0;
        int tensors = data.consumeInt(0, 3);
        for (int i = 0; i < tensors; i++) {
            int dtype = data.consumeInt(0, DTYPES.length - 1);
            int rows = data.consumeInt(0, 5);
            int columns = data.consumeInt(0, 5);
            int begin = end;
            end += rows * columns * BYTES[dtype];
            header.append(i == 0 ? "" : ",")
                    .append("\"t%d\":{\"dtype\":\"%s\",\"shape\":[%d,%d],\"data_offsets\":[%d,%d]}"
                            .formatted(i, DTYPES[dtype], rows, columns, begin, end));
        }
        return end;
    }

    private static boolean opens() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            SafetensorsFile file = SafetensorsFile.open(FILE.path(), arena);
            for (String name : file.names()) {
                try {
                    FILE.read(file.tensor(name));
                } catch (SafetensorsException e) {
                    FILE.checkSentence(e);
                }
            }
            return true;
        } catch (SafetensorsException e) {
            FILE.checkSentence(e);
            return false;
        }
    }
}
