package dev.moba4j.cli.bench;

import dev.moba4j.cli.BadInputException;
import dev.moba4j.cli.FailedException;
import dev.moba4j.cli.OutputPaths;
import dev.moba4j.cli.ProgramVersion;
import dev.moba4j.cli.Progress;
import dev.moba4j.cli.WholeNumber;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moba bench}: measures a suite of cases. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        sortOptions = false,
        description = {
            "How fast attention is: beside the multiply-add rate and the read bandwidth measured between its runs, and beside"
                    + " other programs in the same process. Best of many runs; a ~ marks cases where the processor was"
                    + " disturbed all the time.",
            ""
        })
public final class BenchCommand implements Callable<Integer> {
    private static final int MAX_THREADS = 1024;
    private static final double MAX_SECONDS = 3600;
    private static final int MAX_ROUNDS = 1000;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--suite",
            paramLabel = "NAME",
            defaultValue = "quick",
            completionCandidates = SuiteWords.class,
            description =
                    "quick: a few cases, under a minute; peers: beside PyTorch and ONNX Runtime, which ./moba downloads then,"
                            + " 170 MB once; scaling: one thread, two, and so on; decode: one query against many keys;"
                            + " full: all of these and more, about 15 minutes. Default ${DEFAULT-VALUE}.")
    private String suite = "quick";

    @Option(
            names = "--case",
            paramLabel = "REGEX",
            description = "Only cases in whose name this is found, such as '^dense_8k' or moba.*b128.")
    private @Nullable String cases;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            description = "Timed runs of each contender in each case last so long, three runs at least; 0 to see"
                    + " that it works; default 0.4 to 1.5, by suite.")
    private @Nullable Double seconds;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            converter = WholeNumber.class,
            defaultValue = "1",
            description = "Go through all cases so often, and keep the best of each: what else a machine does comes and"
                    + " goes within minutes. Default ${DEFAULT-VALUE}.")
    private long rounds = 1;

    @Option(
            names = "--threads",
            paramLabel = "N",
            converter = WholeNumber.class,
            description =
                    "Threads of everyone, 1 by default; the most of the suite scaling, by default all processors.")
    private @Nullable Long threads;

    @Option(names = "--json", paramLabel = "F.json", description = "Write what was measured.")
    private @Nullable Path json;

    @Option(names = "--plot", paramLabel = "DIR", description = "Write pictures of it (PNG) into this folder.")
    private @Nullable Path plot;

    @Option(
            names = "--report",
            paramLabel = "F.json",
            description = "Measure nothing: print a page (Markdown) of what --json wrote, with the pictures of --plot.")
    private @Nullable Path report;

    @Option(names = "--quiet", description = "Show no progress.")
    private boolean quiet;

    /** Who or what was not measured, and why: sentences. */
    private final Set<String> absences = new LinkedHashSet<>();

    /** Who computed something else: sentences. */
    private final Set<String> mistakes = new LinkedHashSet<>();

    @Override
    public Integer call() throws IOException {
        if (report != null) {
            ResultFile old = ResultFile.read(report);
            System.out.print(BenchPage.of(old, report, pictures(old)));
            return 0;
        }
        Map<BenchCase, Set<Field>> chosen = chosen();
        int often = WholeNumber.within(1, MAX_ROUNDS, "--rounds", rounds);
        if (json != null) {
            OutputPaths.requireWritable("--json", json);
        }
        if (plot != null) {
            OutputPaths.makeFolder("--plot", plot);
        }
        ResultFile result = measure(chosen, often);
        absences.forEach(System.err::println);
        System.out.print(BenchTable.of(result.measurements()));
        if (json != null) {
            OutputPaths.write(json, result.json().getBytes(StandardCharsets.UTF_8));
            System.out.println(json + " written");
        }
        pictures(result).forEach(picture -> System.out.println(picture + " written"));
        if (!mistakes.isEmpty()) {
            throw new FailedException(String.join("; ", mistakes));
        }
        return 0;
    }

    /** Draws, where that was asked for, and returns what was written. */
    private List<Path> pictures(ResultFile result) {
        if (plot == null) {
            return List.of();
        }
        OutputPaths.makeFolder("--plot", plot);
        return new BenchPlots(result.measurements()).write(plot);
    }

    private Map<BenchCase, Set<Field>> chosen() {
        int processors = Runtime.getRuntime().availableProcessors();
        int count = threads == null ? 1 : WholeNumber.within(1, MAX_THREADS, "--threads", threads);
        if (seconds != null && !(seconds >= 0 && seconds <= MAX_SECONDS)) {
            throw new BadInputException("--seconds is " + seconds + ", expected a number from 0 to 3600");
        }
        Map<BenchCase, Set<Field>> chosen =
                new LinkedHashMap<>(suite().cases(count, threads == null ? processors : count));
        if (cases != null) {
            Pattern pattern = pattern(cases);
            chosen.keySet().removeIf(which -> !pattern.matcher(which.name()).find());
            if (chosen.isEmpty()) {
                throw new BadInputException("--case is '" + cases + "', expected what is found in the name of a case of"
                        + " the suite " + suite + ", such as "
                        + suite().cases(1, 1).keySet().iterator().next().name());
            }
        }
        return chosen;
    }

    private Suite suite() {
        for (Suite one : Suite.values()) {
            if (one.word().equals(suite)) {
                return one;
            }
        }
        throw new BadInputException(
                "--suite is '" + suite + "', expected one of " + String.join(", ", new SuiteWords()));
    }

    private static Pattern pattern(String regex) {
        try {
            return Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            throw new BadInputException("--case is '" + regex + "', expected a regular expression");
        }
    }

    private ResultFile measure(Map<BenchCase, Set<Field>> chosen, int rounds) {
        List<Contender> contenders = Contenders.all();
        Map<List<Object>, Measurement> measurements = new LinkedHashMap<>();
        MultiplyAddPeak.warmUp();
        ReadBandwidth.warmUp();
        double budget = seconds == null ? suite().seconds() : seconds;
        Estimate estimate = new Estimate(MultiplyAddPeak.measure(1), budget, rounds);
        if (!quiet) {
            System.err.println(estimate.sentence(suite, chosen, contenders));
        }
        for (int round = 1; round <= rounds; round++) {
            int number = (round - 1) * chosen.size();
            for (Map.Entry<BenchCase, Set<Field>> entry : chosen.entrySet()) {
                BenchCase which = entry.getKey();
                List<Contender> field = contenders.stream()
                        .filter(contender -> Field.has(entry.getValue(), contender))
                        .toList();
                String task =
                        BenchTable.format("%d/%d %s %s", ++number, rounds * chosen.size(), which.name(), which.dtype());
                try (Progress progress = Progress.start(task, estimate.runs(which, field.size()), quiet);
                        Race race = new Race(which, budget, round > 1, progress)) {
                    field.forEach(contender -> race.enter(contender, absences::add, mistakes::add));
                    race.run().forEach(one -> measurements.merge(one.key(), one, Measurement::better));
                } catch (OutOfMemoryError e) {
                    absences.add(
                            which.name() + " " + which.dtype() + " is left out: not enough memory: " + e.getMessage());
                }
            }
        }
        Set<String> took = new LinkedHashSet<>();
        measurements.values().forEach(measurement -> took.add(measurement.contender()));
        List<Version> versions = contenders.stream()
                .filter(contender -> took.contains(contender.name()))
                .map(contender -> new Version(contender.name(), contender.version()))
                .toList();
        return new ResultFile(Setting.now(command()), versions, List.copyOf(measurements.values()));
    }

    private String command() {
        return "./moba " + String.join(" ", spec.commandLine().getParseResult().originalArgs());
    }
}
