package dev.moba4j.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import dev.moba4j.DType;
import dev.moba4j.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The one file that a fuzzer writes again and again, and what its reader owes. */
final class FuzzedFile {
    private static final int LONGEST_SENTENCE = 1000;

    private final Path path;

    FuzzedFile() {
        try {
            path = Files.createTempFile("moba4j-fuzz", ".bin");
            path.toFile().deleteOnExit();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path path() {
        return path;
    }

    void write(byte[] content) throws IOException {
        Files.write(path, content);
    }

    /** Reads every element of a tensor that came out of the file. */
    void read(Tensor tensor) throws IOException {
        assertThat(tensor.byteSize()).isLessThanOrEqualTo(Files.size(path));
        if (tensor.dtype() == DType.I32) {
            tensor.toInts();
        } else if (tensor.dtype() == DType.I64) {
            Tensor flat = tensor.reshape(tensor.elementCount());
            for (long i = 0; i < flat.elementCount(); i++) {
                flat.getLong(i);
            }
        } else {
            tensor.toFloats();
        }
    }

    /** Checks that a refusal is one sentence about the file. */
    void checkSentence(Exception refusal) {
        assertThat(refusal.getMessage())
                .contains(path.toString())
                .hasSizeLessThan(LONGEST_SENTENCE)
                .matches(message -> message.codePoints().noneMatch(Character::isISOControl), "one line");
    }

    /** Replaces a part of the text by another. */
    static void spoil(FuzzedDataProvider data, StringBuilder text, String[] fragments) {
        int begin = data.consumeInt(0, text.length());
        int end = Math.min(text.length(), begin + data.consumeInt(0, 12));
        text.replace(begin, end, data.consumeBoolean() ? data.consumeString(6) : data.pickValue(fragments));
    }

    /** Changes a byte, often one of the first, or cuts the end off. */
    static byte[] spoil(FuzzedDataProvider data, byte[] content) {
        int last = content.length - 1;
        if (last < 0 || data.consumeBoolean()) {
            return Arrays.copyOf(content, data.consumeInt(0, content.length));
        }
        content[data.consumeInt(0, data.consumeBoolean() ? last : Math.min(last, 15))] = data.consumeByte();
        return content;
    }
}
