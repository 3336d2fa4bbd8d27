package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionPlan;
import dev.moba4j.DType;
import dev.moba4j.Engine;
import dev.moba4j.PlanSpec;
import dev.moba4j.Tensor;
import dev.moba4j.cli.picture.SelectionMap;
import dev.moba4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moba route}: which blocks the queries of a file would read. */
@Command(
        name = "route",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        sortOptions = false,
        description = {
            "Routing alone: chooses key blocks for the q and k in X; writes selected [Tq,H,K'] I32 to Y, block indices"
                    + " within the sequence, ascending, -1 at the end.",
            "",
            "X holds q [Tq,H,D], k [Tk,G,D] (F32, F16 or BF16) and, where wanted, cu_seqlens_q and cu_seqlens_k [S+1]"
                    + " (I32 or I64). --block-size and --top-k are required.",
            ""
        })
final class RouteCommand implements Callable<Integer> {
    @Mixin
    private final FileChoice files = new FileChoice();

    @Mixin
    private final BlockChoice blocks = new BlockChoice();

    @Option(
            names = "--picture",
            paramLabel = "P.png",
            description = "Draw which blocks the queries read, one panel a head, four heads at most.")
    private @Nullable Path picture;

    @Mixin
    private final EngineChoice engines = new EngineChoice();

    @Mixin
    private final MeasureChoice measure = new MeasureChoice();

    @Option(names = "--quiet", description = "Show no progress.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        Path output = files.output();
        Path stats = measure.stats(files);
        int repetitions = measure.repetitions();
        requirePicturePath(stats);
        AttentionOptions options = blocks.routed();
        try (Progress progress = Progress.start("moba route", repetitions + 1, quiet);
                InputFile input = files.open(false)) {
            AttentionInputs inputs = input.routingInputs();
            PlanSpec spec = PlanSpec.forTensors(inputs.q(), inputs.k(), null, Sequences.cuSeqlens(inputs), options);
            try (Engine engine = engines.open();
                    AttentionPlan plan = engine.plan(spec);
                    SafetensorsWriter writer = SafetensorsWriter.create(output);
                    Placement placement = new Placement(engine)) {
                AttentionInputs placed = placement.inputs(inputs);
                writer.declare("selected", DType.I32, spec.maxTokensQ(), spec.heads(), plan.selectionWidth(placed));
                Tensor selected = writer.tensor("selected");
                Tensor placedSelected = placement.output(selected);
                RunTimes times = RunTimes.measure(
                        repetitions, progress, control -> plan.route(placed, placedSelected, control), null);
                placement.finish();
                if (picture != null) {
                    draw(picture, selected, inputs, options.blockSize());
                }
                Stats measured = stats == null ? null : stats(engine, spec, inputs, times);
                writer.commit();
                if (measured != null) {
                    measured.write(stats);
                }
                System.out.println(Summary.of(output, times, engine.info(), plan));
            }
        }
        return 0;
    }

    private void requirePicturePath(@Nullable Path stats) {
        if (picture != null) {
            OutputPaths.requireWritable("--picture", picture);
            files.requireApart("--picture", picture);
            if (stats != null) {
                OutputPaths.requireDifferent("--picture", picture, "--stats", stats);
            }
        }
    }

    private static void draw(Path picture, Tensor selected, AttentionInputs inputs, long blockSize) {
        OutputPaths.write(picture, SelectionMap.png(selected, Sequences.of(inputs), blockSize, List.of()));
    }

    private static Stats stats(Engine engine, PlanSpec spec, AttentionInputs inputs, RunTimes times) {
        AttentionOptions options = spec.options();
        double gflop = UsefulWork.routing(
                Sequences.of(inputs), spec.heads(), spec.headDim(), options.blockSize(), options.causal());
        RunTimes routing = new RunTimes(times.operation(), times.operation());
        return Stats.of(engine.info(), spec.dtype(), routing, gflop);
    }
}
