package dev.moba4j;

/**
 * Who chooses the blocks (paper, section 2.2).
 *
 * {@snippet class="dev.moba4j.snippets.AttentionSnippetTest" region="routing"}
 */
public enum Routing {
    /** Each query head for itself, as in the paper. */
    PER_HEAD,
    /** The query heads of one key-value head together, by the sum of their scores. */
    PER_GROUP
}
