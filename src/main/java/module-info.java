/** Mixture of Block Attention (arXiv 2502.13189) on off-heap tensors, by native or by plain Java code. */
@SuppressWarnings("module") // the native jars are not there when this is compiled
module dev.moba4j {
    requires static org.jspecify;
    requires static com.fasterxml.jackson.core;
    requires static jdk.incubator.vector;

    exports dev.moba4j;
    exports dev.moba4j.npy;
    exports dev.moba4j.safetensors;
    exports dev.moba4j.internal.natives to
            dev.moba4j.natives.linux_aarch_64,
            dev.moba4j.natives.linux_x86_64,
            dev.moba4j.natives.linux_x86_64_cuda13;

    uses dev.moba4j.internal.natives.NativeJar;
}
