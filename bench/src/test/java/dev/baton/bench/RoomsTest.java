package dev.baton.bench;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.stream.Collectors.toCollection;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import dev.baton.failure.ExplainedException;
import dev.baton.kvstream.HostPort;
import dev.baton.kvstream.StreamConfig;
import dev.baton.kvstream.StreamException;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Every package has a room, and arrows between the rooms point one way: bench, engine, {prefill,
 * decode}, kvstream, native.
 */
@AnalyzeClasses(
    packages = "dev.baton",
    importOptions = {DoNotIncludeTests.class, RoomsTest.OnlyWhatIsWritten.class})
class RoomsTest {
  /** A new package belongs here, in its room, and so does the end of one. */
  private static final Map<String, List<String>> ROOMS =
      Map.of(
          "native",
          List.of(
              "dev.baton.arch",
              "dev.baton.arch.family",
              "dev.baton.failure",
              "dev.baton.file",
              "dev.baton.gguf",
              "dev.baton.kernel",
              "dev.baton.kv",
              "dev.baton.metrics",
              "dev.baton.model",
              "dev.baton.cpu",
              "dev.baton.ggml",
              "dev.baton.schedule",
              "dev.baton.thread"),
          "kvstream",
          List.of(
              "dev.baton.kvstream",
              "dev.baton.kvstream.codec",
              "dev.baton.kvstream.link",
              "dev.baton.kvstream.media",
              "dev.baton.kvstream.message",
              "dev.baton.kvstream.seal",
              "dev.baton.kvstream.session"),
          "prefill",
          List.of("dev.baton.prefill"),
          "decode",
          List.of("dev.baton.decode"),
          "engine",
          List.of(
              "dev.baton",
              "dev.baton.answer",
              "dev.baton.calibrate",
              "dev.baton.catalog",
              "dev.baton.cli",
              "dev.baton.clusterfile",
              "dev.baton.device",
              "dev.baton.exposition",
              "dev.baton.http",
              "dev.baton.journal",
              "dev.baton.learn",
              "dev.baton.node",
              "dev.baton.plan",
              "dev.baton.plot",
              "dev.baton.server",
              "dev.baton.server.api",
              "dev.baton.server.openai",
              "dev.baton.sim",
              "dev.baton.template",
              "dev.baton.text"),
          "bench",
          List.of(
              "dev.baton.bench",
              "dev.baton.bench.compare",
              "dev.baton.bench.energy",
              "dev.baton.bench.fit",
              "dev.baton.bench.load",
              "dev.baton.bench.micro",
              "dev.baton.bench.model",
              "dev.baton.bench.pareto",
              "dev.baton.bench.peer",
              "dev.baton.bench.plan",
              "dev.baton.bench.process",
              "dev.baton.bench.report",
              "dev.baton.bench.result",
              "dev.baton.bench.schedule",
              "dev.baton.bench.split",
              "dev.baton.bench.stream"));

  /** What the media may know of the stream's values: settings, addresses, and how to complain. */
  private static final Class<?>[] MEDIA_SETTINGS = {
    StreamConfig.class, HostPort.class, StreamException.class
  };

  /** Leaves out what JMH's processor makes of the benchmarks. */
  static final class OnlyWhatIsWritten implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("jmh_generated");
    }
  }

  @ArchTest
  static void shouldHaveARoomForEveryPackageAndNoRoomForOthers(JavaClasses classes) {
    TreeSet<String> known =
        ROOMS.values().stream().flatMap(List::stream).collect(toCollection(TreeSet::new));
    TreeSet<String> found =
        classes.stream().map(JavaClass::getPackageName).collect(toCollection(TreeSet::new));
    assertEquals(known, found, "the rooms' packages, and those that there are");
  }

  @ArchTest
  static final ArchRule shouldPointArrowsOneWay =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("native")
          .definedBy(packagesOf("native"))
          .layer("kvstream")
          .definedBy(packagesOf("kvstream"))
          .layer("prefill")
          .definedBy(packagesOf("prefill"))
          .layer("decode")
          .definedBy(packagesOf("decode"))
          .layer("engine")
          .definedBy(packagesOf("engine"))
          .layer("bench")
          .definedBy(packagesOf("bench"))
          .whereLayer("native")
          .mayNotAccessAnyLayer()
          .whereLayer("kvstream")
          .mayOnlyAccessLayers("native")
          .whereLayer("prefill")
          .mayOnlyAccessLayers("kvstream", "native")
          .whereLayer("decode")
          .mayOnlyAccessLayers("kvstream", "native")
          .whereLayer("engine")
          .mayOnlyAccessLayers("prefill", "decode", "kvstream", "native");

  private static String[] packagesOf(String room) {
    return ROOMS.get(room).toArray(String[]::new);
  }

  /** The benchmark's yardstick is Aeron itself. */
  private static final String YARDSTICK = "dev\\.baton\\.bench\\.stream\\.RawStream";

  @ArchTest
  static final ArchRule shouldKeepAeronInTheStreamAndTheYardstick =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.baton.kvstream..")
          .and()
          .haveNameNotMatching(YARDSTICK)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("io.aeron..");

  /** From connections down to the values that all speak of. */
  @ArchTest
  static final ArchRule shouldPointArrowsOneWayInsideTheStream =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("link")
          .definedBy("dev.baton.kvstream.link")
          .layer("session")
          .definedBy("dev.baton.kvstream.session")
          .layer("seal")
          .definedBy("dev.baton.kvstream.seal")
          .layer("media")
          .definedBy("dev.baton.kvstream.media")
          .layer("message")
          .definedBy("dev.baton.kvstream.message")
          .layer("codec")
          .definedBy("dev.baton.kvstream.codec")
          .layer("values")
          .definedBy("dev.baton.kvstream")
          .whereLayer("values")
          .mayNotAccessAnyLayer()
          .whereLayer("codec")
          .mayNotAccessAnyLayer()
          .whereLayer("message")
          .mayOnlyAccessLayers("codec", "values")
          .whereLayer("seal")
          .mayOnlyAccessLayers("message", "codec", "values")
          .whereLayer("media")
          .mayOnlyAccessLayers("values")
          .whereLayer("session")
          .mayOnlyAccessLayers("seal", "media", "message", "codec", "values");

  /** How datagrams leave and arrive does not depend on what they say. */
  @ArchTest
  static final ArchRule shouldNotLetTheMediaKnowWhatIsSaid =
      noClasses()
          .that()
          .resideInAPackage("dev.baton.kvstream.media..")
          .should()
          .dependOnClassesThat(
              resideInAPackage("dev.baton.kvstream")
                  .and(DescribedPredicate.not(belongToAnyOf(MEDIA_SETTINGS))));

  @ArchTest
  static final ArchRule shouldPointArrowsOneWayInsideNative =
      noClasses()
          .that()
          .resideInAnyPackage("dev.baton.gguf..", "dev.baton.arch..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.baton.kernel..", "dev.baton.model..", "dev.baton.cpu..", "dev.baton.ggml..");

  @ArchTest
  static final ArchRule shouldNotLetKernelsKnowModels =
      noClasses()
          .that()
          .resideInAPackage("dev.baton.kernel..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.baton.model..", "dev.baton.cpu..", "dev.baton.ggml..");

  /** Two siblings that run the same steps of a shape, behind one seam. */
  @ArchTest
  static final ArchRule shouldNotLetTheCpusBackendKnowGgmls =
      noClasses()
          .that()
          .resideInAnyPackage("dev.baton.cpu..", "dev.baton.model..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.baton.ggml..");

  @ArchTest
  static final ArchRule shouldNotLetGgmlsBackendKnowTheCpus =
      noClasses()
          .that()
          .resideInAnyPackage("dev.baton.ggml..", "dev.baton.model..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.baton.cpu..");

  /** One type to catch, whose message is for people; what a peer sent stays within the stream. */
  @ArchTest
  static final ArchRule shouldTellUsersOfFailuresByOneType =
      classes()
          .that()
          .areAssignableTo(RuntimeException.class)
          .and()
          .arePublic()
          .and()
          .resideOutsideOfPackage("dev.baton.kvstream.message")
          .should()
          .beAssignableTo(ExplainedException.class);

  /** Each package by itself, those inside of others too. */
  @ArchTest
  static final ArchRule shouldHaveNoCyclesBetweenPackages =
      slices()
          .assignedFrom(
              new SliceAssignment() {
                @Override
                public SliceIdentifier getIdentifierOf(JavaClass type) {
                  return SliceIdentifier.of(type.getPackageName());
                }

                @Override
                public String getDescription() {
                  return "packages";
                }
              })
          .should()
          .beFreeOfCycles();
}
