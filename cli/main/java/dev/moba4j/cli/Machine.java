package dev.moba4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The machine the program runs on, as Linux and Java describe it. */
public final class Machine {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    /** Feature names, as Linux spells them, that attention kernels care about. */
    private static final List<String> FEATURES = List.of(
            "sse4_2",
            "avx",
            "avx2",
            "fma",
            "f16c",
            "bmi2",
            "avx512f",
            "avx512bw",
            "avx512cd",
            "avx512dq",
            "avx512vl",
            "avx512_vnni",
            "avx512_bf16",
            "avx512_fp16",
            "amx_bf16",
            "amx_tile",
            "asimd",
            "fphp",
            "asimdhp",
            "bf16",
            "sve");

    private Machine() {}

    /** The processor's name in its vendor's words; its architecture where Linux does not tell. */
    public static String processor() {
        return cpuInfo().getOrDefault("model name", System.getProperty("os.arch"));
    }

    /** The processor's features that attention kernels care about. */
    public static List<String> features() {
        Map<String, String> info = cpuInfo();
        List<String> all = List.of(
                info.getOrDefault("flags", info.getOrDefault("Features", "")).split("\\s+"));
        return FEATURES.stream().filter(all::contains).toList();
    }

    /** Processors this process may use. */
    public static int processors() {
        return Runtime.getRuntime().availableProcessors();
    }

    /** Java's name and version. */
    public static String java() {
        return System.getProperty("java.vm.name") + " " + Runtime.version();
    }

    /** The fields of the first processor that Linux lists. */
    private static Map<String, String> cpuInfo() {
        Map<String, String> fields = new TreeMap<>();
        try {
            for (String line : Files.readAllLines(CPU_INFO)) {
                String[] field = line.split("\\s*:\\s*", 2);
                if (field.length == 2) {
                    fields.putIfAbsent(field[0].strip(), field[1]);
                }
            }
        } catch (IOException e) {
            return Map.of(); // not Linux: nothing is known
        }
        return fields;
    }
}
