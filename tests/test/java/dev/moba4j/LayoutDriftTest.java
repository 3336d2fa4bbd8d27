package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.moba4j.bindings.MobaLibrary;
import dev.moba4j.bindings.moba_backend_info;
import dev.moba4j.bindings.moba_engine_info;
import dev.moba4j.bindings.moba_engine_options;
import dev.moba4j.bindings.moba_layout;
import dev.moba4j.bindings.moba_merge_shapes;
import dev.moba4j.bindings.moba_options;
import dev.moba4j.bindings.moba_plan_config;
import dev.moba4j.bindings.moba_plan_info;
import dev.moba4j.bindings.moba_run_shapes;
import dev.moba4j.bindings.moba_tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** The generated bindings and the library as it was compiled agree on every field of every public struct. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class LayoutDriftTest {
    private static final List<GroupLayout> GENERATED = List.of(
            moba_tensor.layout(),
            moba_options.layout(),
            moba_backend_info.layout(),
            moba_engine_options.layout(),
            moba_engine_info.layout(),
            moba_plan_config.layout(),
            moba_plan_info.layout(),
            moba_run_shapes.layout(),
            moba_merge_shapes.layout(),
            moba_layout.layout());

    /** Place of a field in its struct, in bytes. */
    private record Extent(long offset, long size) {}

    @BeforeAll
    static void loadLibrary() {
        assertThat(Backend.NATIVE.engine().info().backend()).isEqualTo("native");
    }

    @Test
    void everyFieldOfEveryStructAgrees() {
        assertThat(generated()).isEqualTo(reported());
    }

    @Test
    void abiVersionAgrees() {
        assertThat(MobaLibrary.moba_abi_version()).isEqualTo(MobaLibrary.MOBA_ABI_VERSION());
    }

    private static Map<String, Extent> generated() {
        Map<String, Extent> extents = new TreeMap<>();
        for (GroupLayout struct : GENERATED) {
            String type = struct.name().orElseThrow();
            extents.put(type + ".", new Extent(0, struct.byteSize()));
            for (MemoryLayout member : struct.memberLayouts()) {
                member.name()
                        .ifPresent(name -> extents.put(
                                type + "." + name,
                                new Extent(
                                        struct.byteOffset(MemoryLayout.PathElement.groupElement(name)),
                                        member.byteSize())));
            }
        }
        return extents;
    }

    private static Map<String, Extent> reported() {
        Map<String, Extent> extents = new TreeMap<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment layout = moba_layout.allocate(arena);
            for (int i = 0; i < MobaLibrary.moba_layout_count(); i++) {
                moba_layout.struct_size(layout, layout.byteSize());
                assertThat(MobaLibrary.moba_layout_get(i, layout)).isEqualTo(MobaLibrary.MOBA_OK());
                String key = moba_layout.type(layout).getString(0) + "."
                        + moba_layout.field(layout).getString(0);
                extents.put(key, new Extent(moba_layout.offset(layout), moba_layout.size(layout)));
            }
        }
        return extents;
    }
}
