package dev.moba4j.internal.ffm;

import dev.moba4j.BackendUnavailableException;
import dev.moba4j.bindings.MobaLibrary;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds libmoba and loads it, once per process: the system property {@value #PATH_PROPERTY} (the file or its folder), the
 * packaged resource, the folders of {@code java.library.path}. A candidate of another ABI version is passed over.
 */
final class NativeLibrary {
    static final String PATH_PROPERTY = "moba4j.library.path";
    private static final System.Logger LOGGER = System.getLogger(NativeLibrary.class.getName());
    private static final NativeLibrary INSTANCE = new NativeLibrary();

    private final List<String> failures = new ArrayList<>();
    private @Nullable Path loadedFrom;

    private NativeLibrary() {
        tryProperty();
        if (loadedFrom == null) {
            tryPackaged();
        }
        if (loadedFrom == null) {
            tryLibraryPath();
        }
        if (loadedFrom != null) {
            LOGGER.log(System.Logger.Level.DEBUG, "libmoba loaded from {0}", loadedFrom);
        }
    }

    /**
     * Loads the library unless it is.
     *
     * @return the file it came from
     * @throws BackendUnavailableException with every place tried
     */
    static Path require() {
        if (INSTANCE.loadedFrom == null) {
            throw new BackendUnavailableException(
                    "libmoba could not be loaded: " + String.join("; ", INSTANCE.failures));
        }
        return INSTANCE.loadedFrom;
    }

    private void tryProperty() {
        String value = System.getProperty(PATH_PROPERTY);
        if (value == null) {
            failures.add("system property " + PATH_PROPERTY + " is not set");
            return;
        }
        tryFile("system property " + PATH_PROPERTY, value);
        if (loadedFrom == null) {
            LOGGER.log(System.Logger.Level.WARNING, "{0}", failures.getLast());
        }
    }

    private void tryPackaged() {
        PackagedLibrary packaged = PackagedLibrary.find(failures);
        if (packaged == null) {
            return;
        }
        for (PackagedLibrary.Destination destination : packaged.destinations()) {
            Path file = packaged.extract(destination, failures);
            if (file != null && tryFile("packaged resource", file.toString())) {
                return;
            }
        }
    }

    private void tryLibraryPath() {
        for (String directory : System.getProperty("java.library.path", "").split(File.pathSeparator)) {
            if (!directory.isEmpty() && tryFile("java.library.path", directory)) {
                return;
            }
        }
    }

    /** Tries a file, or the library in a folder. */
    private boolean tryFile(String place, String fileOrFolder) {
        try {
            Path path = Path.of(fileOrFolder).toAbsolutePath();
            Path file = Files.isDirectory(path) ? path.resolve(Platform.LIBRARY_FILE) : path;
            if (!Files.isRegularFile(file)) {
                failures.add(place + ": " + file + " is no file");
                return false;
            }
            requireAbi(file);
            System.load(file.toString());
            // The sentence about a failure belongs to the thread: nothing may come between, no class loading either.
            MobaLibrary.moba_last_error();
            loadedFrom = file;
            return true;
        } catch (RuntimeException | UnsatisfiedLinkError e) {
            failures.add(place + ": " + fileOrFolder + ": " + e.getMessage());
            return false;
        }
    }

    private static void requireAbi(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment symbol = SymbolLookup.libraryLookup(file, arena).findOrThrow("moba_abi_version");
            int version = (int) Linker.nativeLinker()
                    .downcallHandle(symbol, FunctionDescriptor.of(ValueLayout.JAVA_INT))
                    .invokeExact();
            if (version != MobaLibrary.MOBA_ABI_VERSION()) {
                throw new BackendUnavailableException(
                        "ABI version is " + version + ", expected " + MobaLibrary.MOBA_ABI_VERSION());
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
