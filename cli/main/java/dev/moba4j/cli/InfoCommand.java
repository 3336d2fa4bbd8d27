package dev.moba4j.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.moba4j.BackendStatus;
import dev.moba4j.Engine;
import dev.moba4j.EngineInfo;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code moba info}: what there is on this machine. */
@Command(
        name = "info",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        description = "Backends found or why not, CPU features, GPU, library and ABI versions.")
final class InfoCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Write JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        List<BackendStatus> backends = Engine.backends();
        try (Engine engine = Engine.open()) {
            System.out.print(json ? json(backends, engine.info()) : text(backends, engine.info()));
        }
        return 0;
    }

    private static String text(List<BackendStatus> backends, EngineInfo engine) {
        StringBuilder text = new StringBuilder();
        line(text, "moba4j", ProgramVersion.current());
        line(text, "Java", Machine.java());
        line(text, "processor", Machine.processor() + ", " + Machine.processors() + " usable");
        line(text, "CPU features", String.join(" ", Machine.features()));
        BackendStatus cuda = cuda(backends);
        line(text, "GPU", (cuda.available() ? "for --backend cuda: " : "not used: ") + cuda.detail());
        line(
                text,
                "auto",
                engine.backend() + " " + engine.target() + ", " + engine.threads() + " threads: " + engine.reason());
        text.append("\nbackends\n");
        for (BackendStatus backend : backends) {
            line(text, backend.name(), (backend.available() ? "works: " : "does not work: ") + backend.detail());
        }
        return text.toString();
    }

    private static BackendStatus cuda(List<BackendStatus> backends) {
        return backends.stream()
                .filter(backend -> backend.name().equals("cuda"))
                .findFirst()
                .orElseThrow();
    }

    private static void line(StringBuilder text, String subject, String what) {
        text.append(String.format(Locale.ROOT, "%-14s%s%n", subject, what));
    }

    private static String json(List<BackendStatus> backends, EngineInfo engine) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = Json.generator(text)) {
            json.writeStartObject();
            json.writeStringField("version", ProgramVersion.current());
            json.writeStringField("java", Machine.java());
            json.writeStringField("processor", Machine.processor());
            json.writeNumberField("processors", Machine.processors());
            json.writeFieldName("cpu_features");
            json.writeStartArray();
            for (String feature : Machine.features()) {
                json.writeString(feature);
            }
            json.writeEndArray();
            BackendStatus cuda = cuda(backends);
            json.writeStringField("gpu", cuda.available() ? cuda.detail() : null);
            json.writeObjectFieldStart("auto");
            json.writeStringField("backend", engine.backend());
            json.writeStringField("target", engine.target());
            json.writeNumberField("threads", engine.threads());
            json.writeStringField("device", engine.device());
            json.writeStringField("reason", engine.reason());
            json.writeEndObject();
            json.writeArrayFieldStart("backends");
            for (BackendStatus backend : backends) {
                json.writeStartObject();
                json.writeStringField("name", backend.name());
                json.writeBooleanField("available", backend.available());
                json.writeStringField("detail", backend.detail());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return text + "\n";
    }
}
