package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the documents point to is there: links, headings, paths, names of files and of test classes. */
class DocumentationTest {
    private static final Path ROOT =
            Path.of(System.getProperty("moba4j.root")).toAbsolutePath().normalize();
    private static final Pattern BUILT = Pattern.compile("\\.git|target|build.*|demo-output");

    private static final Pattern FENCE = Pattern.compile("^```.*?^```", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern LINK = Pattern.compile("]\\((?!https?:)([^)#]*)(?:#([^)]*))?\\)");
    private static final Pattern HEADING = Pattern.compile("^#+ (.*)$", Pattern.MULTILINE);
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final Pattern DRAWN_TEXT = Pattern.compile(">([^<]+)</text>");

    private static final Pattern PATH = Pattern.compile("[\\w.*-]+(/[\\w.*-]+)*/?");
    private static final Pattern SOURCE_FILE = Pattern.compile(".*\\.(java|cpp|h|c|md|xml|txt|svg|map)");
    private static final Pattern TEST_CLASS = Pattern.compile("[A-Z]\\w*Test");

    /** Files and folders of the repository, relative to its root. */
    private static final List<Path> PATHS = new ArrayList<>();

    @BeforeAll
    static void list() throws IOException {
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                if (BUILT.matcher(folder.getFileName().toString()).matches()) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                PATHS.add(ROOT.relativize(folder));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                PATHS.add(ROOT.relativize(file));
                return FileVisitResult.CONTINUE;
            }
        });
    }

    static Stream<Path> documents() throws IOException {
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            return Stream.concat(
                    Stream.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")),
                    docs.filter(file -> file.toString().matches(".*\\.(md|svg)")).sorted().toList().stream());
        }
    }

    @ParameterizedTest
    @MethodSource("documents")
    void linksLeadSomewhere(Path document) throws IOException {
        for (var link : LINK.matcher(prose(document)).results().toList()) {
            Path target = link.group(1).isEmpty() ? document : document.resolveSibling(link.group(1));
            assertThat(target).as("target of %s in %s", link.group(), document).exists();
            if (link.group(2) != null) {
                assertThat(HEADING.matcher(prose(target)).results().map(heading -> anchor(heading.group(1))))
                        .as("headings of %s", target)
                        .contains(link.group(2));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("documents")
    void pathsAndNamesExist(Path document) throws IOException {
        Pattern quoted = document.toString().endsWith(".svg") ? DRAWN_TEXT : CODE;
        List<String> names = quoted.matcher(prose(document))
                .results()
                .map(found -> found.group(1))
                .toList();
        assertThat(names).as("what %s names", document).isNotEmpty();
        assertThat(names.stream().filter(name -> !exists(name)))
                .as("what %s names and the repository lacks", document)
                .isEmpty();
    }

    /** False for what looks like a part of the repository and is none. */
    private static boolean exists(String name) {
        if (TEST_CLASS.matcher(name).matches()) {
            return isThere("**/" + name + ".java");
        }
        if (!PATH.matcher(name).matches()) {
            return true;
        }
        Path path = Path.of(name).normalize();
        boolean built = Stream.iterate(path, p -> p != null, Path::getParent)
                .anyMatch(p -> BUILT.matcher(p.getFileName().toString()).matches());
        if (built) {
            return true;
        }
        boolean below = path.getNameCount() > 1 && Files.exists(ROOT.resolve(path.getName(0)));
        if (below) {
            return isThere(path.toString());
        }
        return !SOURCE_FILE.matcher(name).matches() || isThere(path.toString()) || isThere("**/" + path);
    }

    private static boolean isThere(String glob) {
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
        return PATHS.stream().anyMatch(matcher::matches);
    }

    /** A document without its fenced blocks. */
    private static String prose(Path document) throws IOException {
        return FENCE.matcher(Files.readString(document)).replaceAll("");
    }

    /** The anchor that a heading gets where Markdown is shown. */
    private static String anchor(String heading) {
        return heading.toLowerCase(Locale.ROOT)
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-');
    }
}
