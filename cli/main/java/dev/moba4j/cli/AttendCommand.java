package dev.moba4j.cli;

import dev.moba4j.AttentionInputs;
import dev.moba4j.AttentionOptions;
import dev.moba4j.AttentionPlan;
import dev.moba4j.Engine;
import dev.moba4j.Tensor;
import dev.moba4j.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moba attend}: attention of a file's q, k and v. */
@Command(
        name = "attend",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        sortOptions = false,
        description = {
            "Attention of the q, k and v in X; writes o and lse to Y.",
            "",
            "X holds q [Tq,H,D], k [Tk,G,D], v [Tk,G,Dv] (F32, F16 or BF16) and, where wanted, cu_seqlens_q and"
                    + " cu_seqlens_k [S+1] (I32 or I64) and selected [Tq,H,K'] (I32), the blocks to read instead of routed ones."
                    + " --block-size and --top-k are required, except with --full (neither) and with a given selected"
                    + " (--block-size alone).",
            ""
        })
final class AttendCommand implements Callable<Integer> {
    @Mixin
    private final FileChoice files = new FileChoice();

    @Mixin
    private final BlockChoice blocks = new BlockChoice();

    @Option(names = "--full", description = "Read every key: no blocks, no routing; a selected in X is ignored.")
    private boolean full;

    @Option(names = "--selection-out", description = "Also write the selection to Y, as selected [Tq,H,K'] I32.")
    private boolean selectionOut;

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
        if (full && selectionOut) {
            throw new BadInputException(
                    "--selection-out is given, but --full selects no blocks; expected one or the other");
        }
        try (InputFile input = files.open(true)) {
            Tensor given = full || !input.holdsSelection() ? null : input.selection();
            AttentionOptions options = options(given);
            AttentionInputs inputs = input.attentionInputs();
            boolean routesBeside = stats != null && !full && given == null;
            int steps = (repetitions + 1) * (routesBeside ? 2 : 1);
            try (Progress progress = Progress.start("moba attend", steps, quiet);
                    Engine engine = engines.open();
                    AttentionPlan plan = engine.plan(Attention.spec(inputs, given, options));
                    SafetensorsWriter writer = SafetensorsWriter.create(output);
                    Placement placement = new Placement(engine);
                    Arena scratch = Arena.ofShared()) {
                Attention attention = new Attention(plan, placement, inputs, given, writer, selectionOut);
                RunTimes times = routesBeside
                        ? attention.runBesideRouting(repetitions, progress, scratch)
                        : attention.run(repetitions, progress);
                Stats measured = stats == null
                        ? null
                        : Stats.of(engine.info(), inputs.q().dtype(), times, attention.usefulGflop());
                writer.commit();
                if (measured != null) {
                    measured.write(stats);
                }
                System.out.println(Summary.of(output, times, engine.info(), plan));
            }
        }
        return 0;
    }

    private AttentionOptions options(@Nullable Tensor given) {
        if (full) {
            return blocks.full();
        }
        return given == null ? blocks.routed() : blocks.selected();
    }
}
