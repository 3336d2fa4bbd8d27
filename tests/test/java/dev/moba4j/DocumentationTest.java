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
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the documents point to is there: links, headings, paths, and the names of what stands in the sources. */
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
    private static final Pattern SOURCE = Pattern.compile(".*(\\.(java|cpp|h|c|xml|txt|map)|/moba)");
    private static final Pattern DOCUMENT = Pattern.compile(".*\\.(md|svg)");
    private static final Pattern QUALIFIED_NAME = Pattern.compile("\\w+((\\.|::)\\w+)*(\\(\\))?");
    /** AttentionPlan, attendAsync, moba_attend, MOBA_BUSY; not the B, jB and exp2 of formulae. */
    private static final Pattern NAME = Pattern.compile("\\b([A-Za-z][a-z]\\w*[A-Z]\\w*|(moba|MOBA)_\\w+)");

    private static final Pattern WORD = Pattern.compile("\\w+");

    /** Files and folders of the repository, relative to its root. */
    private static final List<Path> PATHS = new ArrayList<>();

    /** Words of the sources. */
    private static final Set<String> WORDS = new HashSet<>();

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
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                PATHS.add(ROOT.relativize(file));
                if (SOURCE.matcher(file.toString()).matches()) {
                    WORD.matcher(Files.readString(file)).results().forEach(word -> WORDS.add(word.group()));
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    static Stream<Path> documents() throws IOException {
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            return Stream.concat(
                    Stream.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")),
                    docs.filter(file -> DOCUMENT.matcher(file.toString()).matches()).sorted().toList().stream());
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
        return isPathOrNone(name) && isNameOrNone(name);
    }

    private static boolean isPathOrNone(String name) {
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
        boolean file = SOURCE.matcher(name).matches() || DOCUMENT.matcher(name).matches();
        return !file || isThere(path.toString()) || isThere("**/" + path);
    }

    private static boolean isNameOrNone(String name) {
        return !QUALIFIED_NAME.matcher(name).matches()
                || NAME.matcher(name).results().map(MatchResult::group).allMatch(WORDS::contains);
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
