package dev.moba4j.cli;

import dev.moba4j.Routing;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the value of {@code --routing}. */
final class RoutingName implements ITypeConverter<Routing> {
    @Override
    public Routing convert(String text) {
        return switch (text) {
            case "head" -> Routing.PER_HEAD;
            case "group" -> Routing.PER_GROUP;
            default -> throw new TypeConversionException("expected head or group, was '" + text + "'");
        };
    }
}
