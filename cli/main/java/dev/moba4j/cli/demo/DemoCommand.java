package dev.moba4j.cli.demo;

import dev.moba4j.Engine;
import dev.moba4j.cli.BadInputException;
import dev.moba4j.cli.EngineChoice;
import dev.moba4j.cli.ProgramVersion;
import dev.moba4j.cli.WholeNumber;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moba demo}: needles in a long context, found by MoBA and by full attention, timed and compared. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        sortOptions = false,
        description =
                "Plants needles in a long context, lets MoBA and full attention look for them over growing lengths,"
                        + " compares values, times and memory, native code and Java, and writes a page with pictures"
                        + " into ./demo-output/.")
public final class DemoCommand implements Callable<Integer> {
    private static final Path FOLDER = Path.of("demo-output");
    private static final int FEWEST_TOKENS = 4096;
    private static final int MOST_TOKENS = 1 << 24;
    /** Blocks that a query reads. */
    static final int TOP_K = 3;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "32768",
            converter = WholeNumber.class,
            description = "Length of the context; default ${DEFAULT-VALUE}. The backend scalar needs minutes for 4096.")
    private long tokens;

    @Mixin
    private final EngineChoice engines = new EngineChoice();

    @Option(names = "--quiet", description = "Show no progress.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        int length = WholeNumber.within(FEWEST_TOKENS, MOST_TOKENS, "--tokens", tokens);
        makeFolder();
        try (Engine engine = engines.openOnProcessor();
                Arena arena = Arena.ofShared()) {
            Haystack haystack = new Haystack(arena, length);
            System.out.println(DemoReport.setting(haystack, engine.info()));
            Contestant moba = new Contestant(engine, arena, haystack, quiet);
            Contestant full = new Contestant(engine, arena, haystack, quiet);
            try (JavaSide java = JavaSide.beside(engine)) {
                List<Step> steps = new Growth(haystack, moba, full, java.contestant(arena, haystack, quiet)).run(TOP_K);
                Trial ownBlock = new Contestant(engine, arena, haystack, quiet).moba(length, 1, 0);
                DemoReport report = new DemoReport(haystack, engine.info(), steps, ownBlock);
                DemoOutput output = new DemoOutput(report, java.absence());
                output.print(System.out);
                output.write(FOLDER, System.out);
            }
        }
        return 0;
    }

    private static void makeFolder() throws IOException {
        if (Files.exists(FOLDER) && !Files.isDirectory(FOLDER)) {
            throw new BadInputException(FOLDER + " is a file here; expected a folder, or nothing, for the pictures");
        }
        Files.createDirectories(FOLDER);
    }
}
