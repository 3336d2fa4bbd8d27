package dev.moba4j.internal.ffm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The library as a resource of the native jar, to be extracted before it can be loaded: into the user's cache, in a folder
 * named by the content's hash, so that versions and processes do not disturb each other; or, where that fails, into a
 * fresh temporary folder.
 */
final class PackagedLibrary {
    private final byte[] content;
    private final String hash;

    private PackagedLibrary(byte[] content) {
        this.content = content;
        this.hash = sha256(content);
    }

    /** A folder to extract to. */
    @FunctionalInterface
    interface Destination {
        Path create(String hash) throws IOException;
    }

    /** The resource for this platform, or null and what is to be done about it first in {@code failures}. */
    static @Nullable PackagedLibrary find(List<String> failures) {
        String resource = "dev/moba4j/native/" + Platform.classifier() + "/" + Platform.LIBRARY_FILE;
        try (InputStream stream = PackagedLibrary.class.getClassLoader().getResourceAsStream(resource)) {
            if (stream != null) {
                return new PackagedLibrary(stream.readAllBytes());
            }
            failures.add("packaged resource: no " + resource + " on the class path or in a module");
            failures.addFirst(Platform.nativeJarAbsent());
        } catch (IOException e) {
            failures.add("packaged resource: " + resource + ": " + e.getMessage());
        }
        return null;
    }

    /** Where to extract to, best first. */
    List<Destination> destinations() {
        return List.of(PackagedLibrary::cacheFolder, PackagedLibrary::temporaryFolder);
    }

    /** Extracts, unless the same content is there; null and a line more in {@code failures} if that cannot be done. */
    @Nullable
    Path extract(Destination destination, List<String> failures) {
        try {
            Path file = destination.create(hash).resolve(Platform.LIBRARY_FILE);
            if (!Files.isRegularFile(file) || !hash.equals(sha256(Files.readAllBytes(file)))) {
                write(file);
            }
            return file;
        } catch (IOException | InvalidPathException e) {
            failures.add("packaged resource: cannot be extracted: " + e);
            return null;
        }
    }

    private void write(Path file) throws IOException {
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

    private static Path temporaryFolder(String hash) throws IOException {
        Path folder = Files.createTempDirectory("moba4j-" + hash.substring(0, 8));
        folder.toFile().deleteOnExit();
        folder.resolve(Platform.LIBRARY_FILE).toFile().deleteOnExit();
        return folder;
    }

    private static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
