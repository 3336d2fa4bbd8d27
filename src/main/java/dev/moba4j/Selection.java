package dev.moba4j;

/**
 * The blocks that each query attends to, as a value: a view of a {@code selected} tensor. Block {@code j} of a sequence
 * holds its keys {@code j B} to {@code (j + 1) B - 1}.
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="selection"}
 *
 * @param tensor {@code [Tq, H, K']} or {@code [S, Tq, H, K']} I32: ascending block indices within the sequence, padded with
 *     -1 at the end
 * @param blockSize B, tokens per block
 */
public record Selection(Tensor tensor, long blockSize) {

    /**
     * Checks dtype, rank and block size; the indices are checked where a run reads them.
     *
     * @throws IllegalArgumentException if the tensor is no selection
     */
    public Selection {
        if (tensor.dtype() != DType.I32) {
            throw new IllegalArgumentException("selected.dtype() is " + tensor.dtype() + ", expected I32");
        }
        if (tensor.rank() != 3 && tensor.rank() != 4) {
            throw new IllegalArgumentException("selected.rank() is " + tensor.rank()
                    + ", expected 3 (token, head, block) or 4 (batch, token, head, block)");
        }
        if (blockSize < 1) {
            throw new IllegalArgumentException("blockSize is " + blockSize + ", expected at least 1");
        }
    }

    /**
     * The selection of one entry of a batch of rank 4.
     *
     * @param index entry of the batch
     * @return a view
     */
    public Selection batch(long index) {
        requireRank(4);
        return new Selection(tensor.select(0, index), blockSize);
    }

    /**
     * Most blocks a query can have.
     *
     * @return {@code K'}
     */
    public long width() {
        return tensor.dim(tensor.rank() - 1);
    }

    /**
     * Number of blocks that a query attends to.
     *
     * @param token query token
     * @param head query head
     * @return 0 to {@code width()}
     */
    public int count(long token, long head) {
        requireRank(3);
        int count = 0;
        while (count < width() && tensor.getLong(token, head, count) >= 0) {
            count++;
        }
        return count;
    }

    /**
     * The blocks that a query attends to.
     *
     * @param token query token
     * @param head query head
     * @return ascending block indices within the query's sequence
     */
    public long[] blocks(long token, long head) {
        long[] blocks = new long[count(token, head)];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = tensor.getLong(token, head, i);
        }
        return blocks;
    }

    /**
     * Whether a query attends to a block.
     *
     * @param token query token
     * @param head query head
     * @param block block index within the query's sequence
     * @return true if selected
     */
    public boolean contains(long token, long head, long block) {
        for (long selected : blocks(token, head)) {
            if (selected == block) {
                return true;
            }
        }
        return false;
    }

    private void requireRank(int rank) {
        if (tensor.rank() != rank) {
            throw new IllegalArgumentException("selected.rank() is " + tensor.rank() + ", expected " + rank
                    + (rank == 3 ? ": take one entry with batch(index)" : " (batch, token, head, block)"));
        }
    }
}
