package dev.moba4j;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Which package may know which. */
class ArchitectureTest {
    private static final String BINDINGS = "dev.moba4j.bindings..";
    private static final String FFM = "dev.moba4j.internal.ffm..";
    private static final String SCALAR = "dev.moba4j.internal.scalar..";
    private static final String VECTOR = "dev.moba4j.internal.vector..";
    private static final String COMMAND_LINE = "dev.moba4j.cli..";
    private static final String BENCH = "dev.moba4j.cli.bench";
    private static final String VECTOR_API = "jdk.incubator.vector..";
    private static final String[] EXPORTED = {"dev.moba4j", "dev.moba4j.npy", "dev.moba4j.safetensors"};

    /** What the modules before this one compiled. */
    private static final JavaClasses CLASSES =
            new ClassFileImporter().importPaths(Path.of("../src/target/classes"), Path.of("../cli/target/classes"));

    static Stream<Arguments> rules() {
        return Stream.of(
                rule(
                        "only its own backend knows the bindings",
                        noClasses()
                                .that()
                                .resideOutsideOfPackages(BINDINGS, FFM)
                                .should()
                                .dependOnClassesThat()
                                .resideInAPackage(BINDINGS)),
                rule(
                        "only bindings and native backend call native code",
                        noClasses()
                                .that()
                                .resideOutsideOfPackages(BINDINGS, FFM)
                                .should()
                                .dependOnClassesThat()
                                .belongToAnyOf(Linker.class, SymbolLookup.class)),
                rule(
                        "the bindings know nothing of the library",
                        noClasses()
                                .that()
                                .resideInAPackage(BINDINGS)
                                .should()
                                .dependOnClassesThat()
                                .resideInAnyPackage("dev.moba4j", "dev.moba4j.internal..", COMMAND_LINE)),
                rule(
                        "the library does not know the command line",
                        noClasses()
                                .that()
                                .resideOutsideOfPackage(COMMAND_LINE)
                                .should()
                                .dependOnClassesThat()
                                .resideInAPackage(COMMAND_LINE)),
                rule(
                        "the command line uses what is exported",
                        noClasses()
                                .that()
                                .resideInAPackage(COMMAND_LINE)
                                .should()
                                .dependOnClassesThat()
                                .resideInAnyPackage("dev.moba4j.internal..", BINDINGS)),
                rule("the scalar oracle stands alone", apart(SCALAR, FFM, VECTOR)),
                rule("the vector backend stands alone", apart(VECTOR, FFM, SCALAR)),
                rule("the native backend stands alone", apart(FFM, SCALAR, VECTOR)),
                rule(
                        "only the vector backend, and what measures the processor, need the incubator module",
                        noClasses()
                                .that()
                                .resideOutsideOfPackages(VECTOR, BENCH)
                                .should()
                                .dependOnClassesThat()
                                .resideInAPackage(VECTOR_API)),
                rule(
                        "exported methods show exported types",
                        methods()
                                .that()
                                .areDeclaredInClassesThat()
                                .resideInAnyPackage(EXPORTED)
                                .and()
                                .areDeclaredInClassesThat()
                                .arePublic()
                                .and()
                                .arePublic()
                                .should(showExportedTypes())),
                rule(
                        "formats stand beside the library's core",
                        classes()
                                .that()
                                .resideInAnyPackage("dev.moba4j.npy", "dev.moba4j.safetensors")
                                .should()
                                .onlyDependOnClassesThat()
                                .resideInAnyPackage(
                                        "dev.moba4j",
                                        "dev.moba4j.npy",
                                        "dev.moba4j.safetensors",
                                        "java..",
                                        "org.jspecify..",
                                        "com.fasterxml.jackson.core..")));
    }

    private static Arguments rule(String name, ArchRule rule) {
        return Arguments.of(name, rule);
    }

    private static ArchRule apart(String one, String... others) {
        return noClasses()
                .that()
                .resideInAPackage(one)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others);
    }

    private static ArchCondition<JavaMethod> showExportedTypes() {
        return new ArchCondition<>("show exported types") {
            @Override
            public void check(JavaMethod method, ConditionEvents events) {
                Stream.concat(method.getRawParameterTypes().stream(), Stream.of(method.getRawReturnType()))
                        .map(JavaClass::getBaseComponentType)
                        .filter(type -> type.getPackageName().startsWith("dev.moba4j.internal")
                                || type.getPackageName().startsWith("dev.moba4j.bindings"))
                        .forEach(type ->
                                events.add(SimpleConditionEvent.violated(method, method.getFullName() + ": " + type)));
            }
        };
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rules")
    void holds(String name, ArchRule rule) {
        assertThat(CLASSES.contain("dev.moba4j.cli.Main")).isTrue();
        assertThat(CLASSES.contain(Engine.class)).isTrue();
        rule.check(CLASSES);
    }
}
