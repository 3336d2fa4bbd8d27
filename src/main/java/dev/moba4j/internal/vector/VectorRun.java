package dev.moba4j.internal.vector;

import static dev.moba4j.internal.vector.Lanes.STEP;

import dev.moba4j.AttentionOptions;
import dev.moba4j.Tensor;
import dev.moba4j.internal.RunSignals;
import dev.moba4j.internal.Sequences;
import dev.moba4j.internal.TaskPool;
import dev.moba4j.internal.validation.SelectionValidation;
import org.jspecify.annotations.Nullable;

/** One run: lays out its sequences, then packs and attends wave by wave. */
final class VectorRun {
    private final RunShape shape;
    private final VectorScratch scratch;
    private final @Nullable RunSignals signals;
    private final SequenceLayout[] sequences;
    private final Packer packer;
    private final boolean sharedByThreads;
    private final StoredRows q;
    private final @Nullable StoredRows o;
    private final @Nullable IntRows lse;
    private final @Nullable IntRows given;
    private final @Nullable IntRows selected;
    private final int selectedWidth;
    private int chunks;
    private int centroidGroups;
    private int windows;

    VectorRun(
            RunShape shape,
            RunTensors tensors,
            Sequences lengths,
            VectorScratch scratch,
            @Nullable RunSignals signals) {
        this.shape = shape;
        this.scratch = scratch;
        this.signals = signals;
        this.packer = new Packer(shape, tensors);
        this.sharedByThreads = tensors.isSharedByThreads();
        this.q = new StoredRows(tensors.q());
        this.o = tensors.o() == null ? null : new StoredRows(tensors.o());
        this.lse = tensors.lse() == null ? null : new IntRows(tensors.lse(), false);
        this.given = tensors.given() == null ? null : new IntRows(tensors.given(), true);
        this.selected = tensors.selected() == null ? null : new IntRows(tensors.selected(), true);
        Tensor selection = tensors.given() == null ? tensors.selected() : tensors.given();
        this.selectedWidth = selection == null ? 0 : (int) selection.dim(selection.rank() - 1);
        this.sequences = new SequenceLayout[lengths.count()];
        layOut(tensors, lengths);
    }

    private void layOut(RunTensors tensors, Sequences lengths) {
        AttentionOptions options = shape.spec().options();
        boolean batched = tensors.q().rank() == 4;
        boolean routesAlone = tensors.o() == null;
        SelectionValidation.Extent[] extents = tensors.given() == null
                ? null
                : new SelectionValidation(tensors.given()).check(lengths, options.blockSize(), options.causal());
        for (int s = 0; s < sequences.length; s++) {
            int keys = length("keys", s, lengths.lengthK(s));
            long blocks = options.full() ? 1 : Math.ceilDiv((long) keys, options.blockSize());
            boolean dense =
                    options.full() || (extents == null ? !routesAlone && options.topK() >= blocks : extents[s].all());
            long most = extents == null ? Math.min(options.topK(), blocks) : extents[s].most();
            sequences[s] = new SequenceLayout(
                    batched ? s : 0,
                    batched ? 0 : lengths.startQ(s),
                    length("queries", s, lengths.lengthQ(s)),
                    batched ? 0 : lengths.startK(s),
                    keys,
                    options.causal(),
                    dense,
                    (int) Math.max(1, dense ? keys : Math.min(keys, options.blockSize())),
                    (int) most,
                    chunks,
                    centroidGroups,
                    windows);
            chunks = Math.addExact(chunks, sequences[s].chunks());
            centroidGroups += centroidGroups(sequences[s]);
            windows += Math.ceilDiv(sequences[s].queries(), shape.windowRows());
        }
    }

    private static int length(String what, int sequence, long length) {
        if (length > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "sequence " + sequence + " has " + length + " " + what + ", expected fewer than 2^31");
        }
        return (int) length;
    }

    private int centroidGroups(SequenceLayout sequence) {
        return sequence.dense() || isGiven() ? 0 : Math.ceilDiv(sequence.blocks(), STEP);
    }

    /** Works through all heads. */
    void work(TaskPool pool) {
        int groupSize = shape.groupSize();
        int tasksPerKvHead = groupSize / shape.taskHeads();
        int kvHeads = (int) shape.spec().kvHeads();
        int packed = o == null ? 0 : chunks;
        int packTasks = packed + centroidGroups;
        if (signals != null) {
            signals.begin((long) kvHeads * ((long) packTasks + (long) windows * tasksPerKvHead));
        }
        int threads = sharedByThreads ? pool.threads() : 1;
        for (int first = 0; first < kvHeads; first += shape.waveHeads()) {
            int wave = Math.min(shape.waveHeads(), kvHeads - first);
            int kv0 = first;
            for (int i = 0; i < wave; i++) {
                scratch.head(i).reserve(chunks, centroidGroups);
            }
            pool.run((long) wave * packTasks, threads, signals, (task, slot) -> {
                int kv = (int) (task / packTasks);
                int index = (int) (task % packTasks);
                ThreadScratch own = scratch.thread(slot);
                if (index < packed) {
                    SequenceLayout sequence = sequenceOf(index, SequenceLayout::firstChunk);
                    packer.packChunk(sequence, index - sequence.firstChunk(), kv0 + kv, scratch.head(kv), own);
                } else {
                    SequenceLayout sequence = sequenceOf(index - packed, SequenceLayout::firstCentroid);
                    int group = index - packed - sequence.firstCentroid();
                    packer.packCentroids(sequence, group, kv0 + kv, scratch.head(kv), own);
                }
            });
            // Late windows see most keys: the largest tasks go first.
            int waveTasks = wave * tasksPerKvHead;
            pool.run((long) waveTasks * windows, threads, signals, (task, slot) -> {
                int index = windows - 1 - (int) (task / waveTasks);
                int kv = (int) (task % waveTasks) / tasksPerKvHead;
                int head = (kv0 + kv) * groupSize + (int) (task % tasksPerKvHead) * shape.taskHeads();
                SequenceLayout sequence = sequenceOf(index, SequenceLayout::firstWindow);
                int firstRow = (index - sequence.firstWindow()) * shape.windowRows();
                new Window(this, sequence, scratch.head(kv), scratch.thread(slot), firstRow).work(head);
            });
        }
    }

    /** Where a sequence's share of something begins. */
    @FunctionalInterface
    private interface First {
        int of(SequenceLayout sequence);
    }

    /** The last sequence that does not begin beyond {@code index}: the one that holds it. */
    private SequenceLayout sequenceOf(int index, First first) {
        int low = 0;
        int high = sequences.length;
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (first.of(sequences[middle]) <= index) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return sequences[low];
    }

    RunShape shape() {
        return shape;
    }

    @Nullable
    RunSignals signals() {
        return signals;
    }

    StoredRows q() {
        return q;
    }

    /** Attention output; null when only routing. */
    @Nullable
    StoredRows o() {
        return o;
    }

    @Nullable
    IntRows lse() {
        return lse;
    }

    boolean isGiven() {
        return given != null;
    }

    @Nullable
    IntRows given() {
        return given;
    }

    /** Selection to write. */
    @Nullable
    IntRows selected() {
        return selected;
    }

    /** K' of whichever selection there is. */
    int selectedWidth() {
        return selectedWidth;
    }

    long blockSize() {
        return shape.spec().options().blockSize();
    }

    /** Blocks of a row in scratch memory. */
    int selectionWidth(SequenceLayout sequence) {
        long width = isGiven() ? selectedWidth : shape.spec().options().topK();
        return (int) Math.min(width, sequence.blocks());
    }
}
