package dev.moba4j.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import dev.moba4j.files.RawNpy;
import dev.moba4j.npy.NpyException;
import dev.moba4j.npy.NpyFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;

/** A valid .npy file with spoilt parts. Mapping it succeeds, and then every element can be read; or it is refused. */
public final class NpyFuzzer {
    private static final FuzzedFile FILE = new FuzzedFile();
    private static final String[] DTYPES = {"<f4", "<f2", "<i4", "<i8"};
    private static final int[] BYTES = {4, 2, 4, 8};
    private static final String[] FRAGMENTS = {
        "",
        "{",
        "}",
        "(",
        ")",
        ":",
        ",",
        "'",
        "'descr':",
        "'fortran_order':",
        "'shape':",
        "True",
        "False",
        "'<f4'",
        "'<i8'",
        "'>f4'",
        "0",
        "1",
        "8",
        "-1",
        "1L",
        "2147483648",
        "4611686018427387904",
        "9223372036854775807",
        "9223372036854775808",
        "()",
        "(,)",
        "\n",
        "                ",
        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
    };

    private NpyFuzzer() {}

    /** Called by Jazzer. */
    public static void fuzzerTestOneInput(FuzzedDataProvider data) throws IOException {
        int dtype = data.consumeInt(0, DTYPES.length - 1);
        int rows = data.consumeInt(0, 5);
        int columns = data.consumeInt(0, 5);
        StringBuilder header = new StringBuilder(
                "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }".formatted(DTYPES[dtype], rows, columns));
        int spoiltText = data.consumeInt(0, 4);
        for (int i = 0; i < spoiltText; i++) {
            FuzzedFile.spoil(data, header, FRAGMENTS);
        }
        int bytes = rows * columns * BYTES[dtype];
        byte[] content = new RawNpy()
                .version(data.consumeInt(1, 3))
                .pad(!data.consumeBoolean())
                .raw(header.toString(), Arrays.copyOf(data.consumeBytes(bytes), bytes))
                .toBytes();
        int spoiltBytes = data.consumeInt(0, 2);
        for (int i = 0; i < spoiltBytes; i++) {
            content = FuzzedFile.spoil(data, content);
        }
        FILE.write(content);
        assertThat(maps() || spoiltText + spoiltBytes > 0)
                .as("a valid file is mapped")
                .isTrue();
    }

    private static boolean maps() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            FILE.read(NpyFile.map(arena, FILE.path()));
            return true;
        } catch (NpyException e) {
            FILE.checkSentence(e);
            return false;
        }
    }
}
