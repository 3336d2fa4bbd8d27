package dev.moba4j.internal.ffm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * The library as a resource of the native jar, to be extracted before it can be loaded: into the user's cache, in a folder
 * named by the content's hash, so that versions and processes do not disturb each other; or, where that fails, into a
 * fresh temporary folder. A jar for CUDA holds two libraries, which come to lie side by side; it is preferred.
 */
final class PackagedLibrary {
    /** By file name, the library to load last: when it is there, so is the other one. */
    private final SequencedMap<String, byte[]> files;

    private final String hash;

    private PackagedLibrary(SequencedMap<String, byte[]> files) {
        this.files = files;
        this.hash = sha256(files.sequencedValues());
    }

    /** A folder to extract to. */
    @FunctionalInterface
    interface Destination {
        Path create(String hash) throws IOException;
    }

    /** The resource for this platform, or null and what is to be done about it first in {@code failures}. */
    static @Nullable PackagedLibrary find(List<String> failures) {
        try {
            SequencedMap<String, byte[]> files =
                    read(Platform.cudaClassifier(), Platform.CUDA_LIBRARY_FILE, Platform.LIBRARY_FILE);
            if (files.isEmpty()) {
                files = read(Platform.classifier(), Platform.LIBRARY_FILE);
            }
            if (!files.isEmpty()) {
                return new PackagedLibrary(files);
            }
            failures.add("packaged resource: no " + resource(Platform.classifier(), Platform.LIBRARY_FILE)
                    + " on the class path or in a module");
            failures.addFirst(Platform.nativeJarAbsent());
        } catch (IOException e) {
            failures.add("packaged resource: " + e.getMessage());
        }
        return null;
    }

    /** All of these files of a native jar, or none. */
    private static SequencedMap<String, byte[]> read(String classifier, String... names) throws IOException {
        SequencedMap<String, byte[]> files = new LinkedHashMap<>();
        for (String name : names) {
            try (InputStream stream =
                    PackagedLibrary.class.getClassLoader().getResourceAsStream(resource(classifier, name))) {
                if (stream == null) {
                    return new LinkedHashMap<>();
                }
                files.put(name, stream.readAllBytes());
            }
        }
        return files;
    }

    private static String resource(String classifier, String name) {
        return "dev/moba4j/native/" + classifier + "/" + name;
    }

    /** Where to extract to, best first. */
    List<Destination> destinations() {
        return List.of(PackagedLibrary::cacheFolder, this::temporaryFolder);
    }

    /** Extracts, unless the same content is there; null and a line more in {@code failures} if that cannot be done. */
    @Nullable
    Path extract(Destination destination, List<String> failures) {
        try {
            Path folder = destination.create(hash);
            for (Map.Entry<String, byte[]> entry : files.entrySet()) {
                Path file = folder.resolve(entry.getKey());
                if (!Files.isRegularFile(file) || !Arrays.equals(entry.getValue(), Files.readAllBytes(file))) {
                    write(file, entry.getValue());
                }
            }
            return folder.resolve(Platform.LIBRARY_FILE);
        } catch (IOException | InvalidPathException e) {
            failures.add("packaged resource: cannot be extracted: " + e);
            return null;
        }
    }

    private static void write(Path file, byte[] content) throws IOException {
        Path partial = Files.createTempFile(file.getParent(), "libmoba", ".part");
        try {
            Files.write(partial, content);
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private static Path cacheFolder(String hash) throws IOException {
        String configured = System.getenv("XDG_CACHE_HOME");
        Path cache = configured != null && Path.of(configured).isAbsolute()
                ? Path.of(configured)
                : Path.of(System.getProperty("user.home"), ".cache");
        if (!cache.isAbsolute()) {
            throw new IOException("no home folder is known: user.home is " + System.getProperty("user.home"));
        }
        return Files.createDirectories(cache.resolve("moba4j").resolve(hash));
    }

    private Path temporaryFolder(String hash) throws IOException {
        Path folder = Files.createTempDirectory("moba4j-" + hash.substring(0, 8));
        folder.toFile().deleteOnExit();
        files.keySet().forEach(name -> folder.resolve(name).toFile().deleteOnExit());
        return folder;
    }

    private static String sha256(Collection<byte[]> contents) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            contents.forEach(digest::update);
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
