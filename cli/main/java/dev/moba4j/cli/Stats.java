package dev.moba4j.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.moba4j.DType;
import dev.moba4j.EngineInfo;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What {@code --stats} reports about an operation.
 *
 * @param engine where it ran
 * @param dtype of q
 * @param milliseconds of each counted run, the operation alone
 * @param routeMilliseconds of routing alone beside each of these runs, 0 where nothing is routed
 * @param usefulGflop see {@link UsefulWork}
 * @param peakBytes see {@link PeakMemory}
 */
record Stats(
        EngineInfo engine,
        DType dtype,
        double[] milliseconds,
        double[] routeMilliseconds,
        double usefulGflop,
        long peakBytes) {

    static Stats of(EngineInfo engine, DType dtype, RunTimes times, double usefulGflop) {
        return new Stats(engine, dtype, times.operation(), times.beside(), usefulGflop, PeakMemory.bytes());
    }

    void write(Path file) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = Json.generator(text)) {
            json.writeStartObject();
            json.writeStringField("backend", engine.backend());
            json.writeNumberField("threads", engine.threads());
            json.writeStringField("dtype", dtype.name());
            json.writeFieldName("milliseconds");
            json.writeArray(milliseconds, 0, milliseconds.length);
            json.writeFieldName("route_milliseconds");
            json.writeArray(routeMilliseconds, 0, routeMilliseconds.length);
            json.writeNumberField("useful_gflop", usefulGflop);
            json.writeNumberField("peak_bytes", peakBytes);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        OutputPaths.write(file, (text + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
