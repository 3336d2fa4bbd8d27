package dev.moba4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each native jar that has been built holds the libraries for its platform and nothing else, in a module named after it. */
@EnabledIf("dev.moba4j.Backend#nativeExpected")
class NativeJarTest {
    /** {@code e_machine} in the header of an ELF file, and where it stands. */
    private static final Map<String, Integer> ELF_MACHINE =
            Map.of("linux-x86_64", 62, "linux-x86_64-cuda13", 62, "linux-aarch_64", 183);

    private static final int ELF_MACHINE_OFFSET = 18;

    static List<Path> jars() throws IOException {
        return InstalledArtifacts.nativeJars();
    }

    @Test
    void thisPlatformsJarIsThere() throws IOException {
        assertThat(jars())
                .extracting(Path::getFileName)
                .contains(Path.of(InstalledArtifacts.nativeJar("linux-x86_64")));
    }

    @ParameterizedTest
    @MethodSource("jars")
    void libraryIsForThePlatformOfTheClassifier(Path jar) throws IOException {
        String classifier = classifier(jar);
        List<String> libraries =
                classifier.endsWith("-cuda13") ? List.of("libmoba.so", "libmoba_cuda.so") : List.of("libmoba.so");
        String folder = "dev/moba4j/native/" + classifier + "/";
        try (JarFile file = new JarFile(jar.toFile())) {
            assertThat(file.stream().map(JarEntry::getName).filter(name -> name.matches(folder + ".+")))
                    .containsExactlyInAnyOrderElementsOf(
                            libraries.stream().map(folder::concat).toList());
            for (String library : libraries) {
                assertMachine(file, folder + library, ELF_MACHINE.get(classifier));
            }
        }
    }

    private static void assertMachine(JarFile file, String entry, int machine) throws IOException {
        try (InputStream library = file.getInputStream(file.getEntry(entry))) {
            byte[] header = library.readNBytes(ELF_MACHINE_OFFSET + 2);
            assertThat(header).startsWith(0x7f, 'E', 'L', 'F');
            assertThat(Byte.toUnsignedInt(header[ELF_MACHINE_OFFSET])).isEqualTo(machine);
            assertThat(header[ELF_MACHINE_OFFSET + 1]).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("jars")
    void moduleIsNamedAfterThePlatform(Path jar) {
        assertThat(ModuleFinder.of(jar).findAll())
                .extracting(ModuleReference::descriptor)
                .singleElement()
                .satisfies(module -> {
                    assertThat(module.name())
                            .isEqualTo("dev.moba4j.natives." + classifier(jar).replace('-', '_'));
                    assertThat(module.isAutomatic()).isFalse();
                });
    }

    private static String classifier(Path jar) {
        String name = jar.getFileName().toString();
        return ELF_MACHINE.keySet().stream()
                .filter(classifier -> name.equals(InstalledArtifacts.nativeJar(classifier)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("native jar of an unknown platform: " + name));
    }
}
