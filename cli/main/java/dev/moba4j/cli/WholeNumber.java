package dev.moba4j.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads an option value that is a whole number of 64 bits. */
public final class WholeNumber implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw new TypeConversionException("expected a whole number, was '" + text + "'");
        }
    }

    /** Returns {@code value} as an int, or says that {@code option} must lie between {@code least} and {@code most}. */
    public static int within(int least, int most, String option, long value) {
        if (value < least || value > most) {
            throw new BadInputException(
                    option + " is " + value + ", expected a whole number from " + least + " to " + most);
        }
        return (int) value;
    }
}
