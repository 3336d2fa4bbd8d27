/** Mixture of Block Attention (arXiv 2502.13189) on off-heap tensors, by native or by plain Java code. */
module dev.moba4j {
    requires static org.jspecify;
    requires static com.fasterxml.jackson.core;
    requires static jdk.incubator.vector;

    exports dev.moba4j;
    exports dev.moba4j.npy;
    exports dev.moba4j.safetensors;
}
