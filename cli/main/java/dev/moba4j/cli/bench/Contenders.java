package dev.moba4j.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** Everyone who can take part: the library's backends, and whoever the service loader finds. */
public final class Contenders {
    private Contenders() {}

    /** All of them, native code first. */
    static List<Contender> all() {
        List<Contender> all =
                new ArrayList<>(List.of(LibraryContender.NATIVE, LibraryContender.VECTOR, LibraryContender.SCALAR));
        ServiceLoader.load(Contender.class).forEach(all::add);
        return all;
    }

    /** The one of this name. */
    public static Contender named(String name) {
        return all().stream()
                .filter(contender -> contender.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("contender is '" + name + "', expected one of "
                        + all().stream().map(Contender::name).toList()));
    }
}
