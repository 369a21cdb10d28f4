package dev.baton.bench;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Arrows between the rooms point one way: bench, engine, {prefill, decode}, kvstream, native. */
@AnalyzeClasses(packages = "dev.baton", importOptions = DoNotIncludeTests.class)
class RoomsTest {
  private static final String[] NATIVE = {
    "dev.baton.gguf..", "dev.baton.kernel..", "dev.baton.model.."
  };
  private static final String[] ENGINE = {
    "dev.baton", "dev.baton.cli..", "dev.baton.text..", "dev.baton.catalog..", "dev.baton.cluster.."
  };

  @ArchTest
  static final ArchRule shouldPointArrowsOneWay =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("native")
          .definedBy(NATIVE)
          .layer("kvstream")
          .definedBy("dev.baton.kvstream..")
          .layer("prefill")
          .definedBy("dev.baton.prefill..")
          .layer("decode")
          .definedBy("dev.baton.decode..")
          .layer("engine")
          .definedBy(ENGINE)
          .optionalLayer("bench")
          .definedBy("dev.baton.bench..")
          .whereLayer("kvstream")
          .mayOnlyBeAccessedByLayers("prefill", "decode", "engine", "bench")
          .whereLayer("prefill")
          .mayOnlyBeAccessedByLayers("engine", "bench")
          .whereLayer("decode")
          .mayOnlyBeAccessedByLayers("engine", "bench")
          .whereLayer("engine")
          .mayOnlyBeAccessedByLayers("bench")
          .whereLayer("bench")
          .mayNotBeAccessedByAnyLayer();

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

  @ArchTest
  static final ArchRule shouldPointArrowsOneWayInsideNative =
      noClasses()
          .that()
          .resideInAPackage("dev.baton.gguf..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.baton.kernel..", "dev.baton.model..");

  @ArchTest
  static final ArchRule shouldNotLetKernelsKnowModels =
      noClasses()
          .that()
          .resideInAPackage("dev.baton.kernel..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.baton.model..");

  @ArchTest
  static final ArchRule shouldHaveNoCyclesBetweenPackages =
      slices().matching("dev.baton.(*)..").should().beFreeOfCycles();
}
