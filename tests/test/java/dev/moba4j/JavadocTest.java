package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The Javadoc of what is exported is made without a warning, into {@code tests/target/javadoc}. Its examples are regions of
 * the tests in {@code dev.moba4j.snippets}, so they compile and do what they say.
 */
class JavadocTest {
    private static final Path ROOT = Path.of(System.getProperty("moba4j.root"));
    private static final Path SOURCES = ROOT.resolve("src/main/java");
    private static final Path TESTS = ROOT.resolve("tests/test/java");
    private static final Pattern EXPORTS = Pattern.compile("exports ([\\w.]+);");
    private static final Pattern PUBLIC_TYPE = Pattern.compile("^public |^@NullMarked\\npackage ", Pattern.MULTILINE);
    private static final Pattern SNIPPET =
            Pattern.compile("\\{@snippet class=\"dev\\.moba4j\\.snippets\\.(\\w+)\" region=\"([\\w-]+)\"}");
    private static final Pattern REGION = Pattern.compile("// @start region=\"([\\w-]+)\"");

    @Test
    void isMadeWithoutAWarning() throws URISyntaxException {
        StringWriter messages = new StringWriter();
        PrintWriter writer = new PrintWriter(messages);
        String[] arguments = {
            "-quiet",
            "-Xdoclint:all",
            "-Werror",
            // Of javac: that the Vector API's module is an incubating one is known.
            "-XD-Xlint:-incubating",
            "--module",
            "dev.moba4j",
            "--module-source-path",
            "dev.moba4j=" + SOURCES + ":" + ROOT.resolve("bindings/main/java"),
            "--module-path",
            jarOf(NullMarked.class) + ":" + jarOf(JsonFactory.class),
            "--snippet-path",
            TESTS.toString(),
            "-d",
            "target/javadoc"
        };
        int status = ToolProvider.findFirst("javadoc").orElseThrow().run(writer, writer, arguments);
        assertThat(status).as("status of javadoc; its messages:\n%s", messages).isZero();
        assertThat(messages.toString()).isEmpty();
    }

    private static Path jarOf(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** The files of exported packages that declare a public type, or the package. */
    static Stream<Path> publicTypes() throws IOException {
        return EXPORTS.matcher(Files.readString(SOURCES.resolve("module-info.java")))
                .results()
                .map(exported -> SOURCES.resolve(exported.group(1).replace('.', '/')))
                .flatMap(JavadocTest::javaFiles)
                .filter(file -> PUBLIC_TYPE.matcher(text(file)).find());
    }

    @ParameterizedTest
    @MethodSource("publicTypes")
    void everyPublicTypeAndPackageShowsAnExample(Path file) {
        String source = text(file);
        var declaration = PUBLIC_TYPE.matcher(source);
        assertThat(declaration.find()).isTrue();
        assertThat(source.substring(0, declaration.start()))
                .as("what precedes the declaration in %s", file)
                .containsPattern(SNIPPET);
    }

    @Test
    void everyExampleIsShown() throws IOException {
        Set<String> shown = publicTypes()
                .flatMap(file -> SNIPPET.matcher(text(file)).results())
                .map(snippet -> snippet.group(1) + " " + snippet.group(2))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> written = javaFiles(TESTS.resolve("dev/moba4j/snippets"))
                .flatMap(file -> REGION.matcher(text(file))
                        .results()
                        .map(region -> file.getFileName().toString().replace(".java", "") + " " + region.group(1)))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(shown).isNotEmpty().isEqualTo(written);
    }

    private static Stream<Path> javaFiles(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".java")).sorted().toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
