package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The launcher {@code baton}, copied into a make-believe checkout with a make-believe JDK and
 * Maven.
 */
final class LauncherTest {
  private static final Path LAUNCHER = Path.of("..", "baton");

  @TempDir Path folder;
  private Path checkout;
  private Path jdk;
  private Path maven;
  private final Map<String, String> env = new HashMap<>();

  @BeforeEach
  void lay() throws IOException {
    checkout = folder.resolve("check out");
    for (String module : List.of("native", "kvstream", "prefill", "decode", "engine")) {
      Files.createDirectories(checkout.resolve(module).resolve("src/main/java"));
    }
    Files.writeString(source(), "source");
    Files.writeString(checkout.resolve("pom.xml"), "pom");
    Files.copy(LAUNCHER, checkout.resolve("baton"));
    executable(checkout.resolve("baton"));

    jdk = folder.resolve("jdk");
    Files.createDirectories(jdk.resolve("bin"));
    Files.writeString(jdk.resolve("release"), "IMPLEMENTOR=\"nobody\"\nJAVA_VERSION=\"25.0.3\"\n");
    script(jdk.resolve("bin/java"), "for word in \"$@\"; do echo \"java:$word\"; done");
    script(jdk.resolve("bin/javac"), "exit 1");

    maven = folder.resolve("maven");
    Files.createDirectories(maven);
    mavenSucceeds();
    env.put("PATH", maven + ":/usr/bin:/bin");
    env.put("HOME", folder.toString());
    env.put("JAVA_HOME", jdk.toString());
  }

  @Test
  void shouldBuildOnTheFirstCallAloneAndPassTheWordsOn() throws Exception {
    Outcome first = launch("run", "two words", "");
    assertEquals(0, first.status());
    assertEquals("baton: building (first call, a minute or two)…\n", first.err());
    assertTrue(first.out().endsWith("java:run\njava:two words\njava:\n"), first.out());

    Outcome second = launch("run");
    assertEquals("", second.err());
    assertEquals(1, builds());
  }

  @Test
  void shouldBuildAgainWhenASourceIsNewerOrGone() throws Exception {
    launch();
    Files.setLastModifiedTime(source(), FileTime.from(Instant.now().plusSeconds(5)));
    assertEquals("baton: building again (its sources changed)…\n", launch().err());
    Files.setLastModifiedTime(source(), FileTime.from(Instant.now().minusSeconds(5)));
    launch();

    int before = builds();
    Files.delete(source());
    launch();
    assertEquals(before + 1, builds());
  }

  @Test
  void shouldBuildAgainAfterABuildThatDidNotEnd() throws Exception {
    Files.createDirectories(checkout.resolve("engine/target"));
    Files.writeString(checkout.resolve("engine/target/baton.jar"), "half a jar");

    launch();

    assertEquals(1, builds());
  }

  @Test
  void shouldShowWhatMavenSaidOnlyWhenTheBuildFails() throws Exception {
    script(maven.resolve("mvn"), "echo '[ERROR] no such symbol'; exit 1");

    Outcome outcome = launch("run");

    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("no such symbol"), outcome.err());
    assertTrue(outcome.err().contains("baton: the build failed; the whole log is "), outcome.err());
    assertEquals("", outcome.out());
    mavenSucceeds();
    assertEquals(0, launch("run").status());
  }

  @Test
  void shouldBuildOnceForCallsAtTheSameTime() throws Exception {
    List<Process> calls = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      calls.add(start(checkout.resolve("baton").toString(), "run"));
    }
    for (Process call : calls) {
      assertEquals(0, end(call).status());
    }
    assertEquals(1, builds());
  }

  @Test
  void shouldFindItsFolderThroughSymlinks() throws Exception {
    Path link = folder.resolve("link");
    Files.createSymbolicLink(link, Path.of("check out", "baton"));
    Path second = Files.createSymbolicLink(maven.resolve("baton"), link);

    assertEquals(0, end(start(second.toString())).status());
    assertEquals(0, end(start("sh", "-c", "cd / && baton")).status());
    assertEquals(1, builds());
  }

  @Test
  void shouldPassOptionsForTheJvm() throws Exception {
    env.put("BATON_JAVA_OPTS", "-Xmx1g -Dx=y");

    assertTrue(launch("run").out().contains("java:-Xmx1g\njava:-Dx=y\njava:-jar\n"));
  }

  /** A JDK as far as a record of a start goes: it writes one. */
  @Test
  void shouldStartFromARecordOfThisBuild() throws Exception {
    script(
        jdk.resolve("bin/java"),
        """
        for word in "$@"; do
          echo "java:$word"
          case $word in -XX:AOTCacheOutput=*) echo record >"${word#*=}" ;; esac
        done
        """);

    Outcome outcome = launch("run");

    String record = checkout.toRealPath().resolve("engine/target/baton.aot").toString();
    assertTrue(
        outcome
            .out()
            .contains("java:-XX:AOTCache=" + record + "\njava:-Xlog:aot*=off\njava:-jar\n"),
        outcome.out());
    assertTrue(outcome.out().endsWith("java:run\n"), outcome.out());
    assertTrue(launch("run").out().contains("-XX:AOTCache="));
    Files.delete(Path.of(record));
    assertFalse(launch("run").out().contains("AOTCache"), "there is none any more");

    Path jar = checkout.resolve("engine/target/baton.jar");
    Files.setLastModifiedTime(jar, FileTime.from(Instant.now().plusSeconds(5)));
    assertTrue(launch("run").out().contains("-XX:AOTCache="), "built by Maven alone");
  }

  @Test
  void shouldDoWithoutARecordWhereNoneCanBeMade() throws Exception {
    script(
        jdk.resolve("bin/java"),
        """
        for word in "$@"; do
          echo "java:$word"
          case $word in -XX:AOTCacheOutput=*) echo half >"${word#*=}"; exit 1 ;; esac
        done
        """);

    Outcome outcome = launch("run");

    assertEquals(0, outcome.status());
    assertFalse(outcome.out().contains("AOTCache"), outcome.out());
    assertEquals("baton: building (first call, a minute or two)…\n", outcome.err());
    try (var left = Files.list(checkout.resolve("engine/target"))) {
      assertEquals(
          List.of("baton.aot.tried", "baton.built", "baton.jar"),
          left.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void shouldSayWhatToDoWithoutMaven() throws Exception {
    Files.delete(maven.resolve("mvn"));
    Path tools = Files.createDirectories(folder.resolve("tools"));
    for (String tool : List.of("sh", "dirname", "readlink", "find", "head", "sed", "mkdir")) {
      Path real =
          Files.exists(Path.of("/usr/bin", tool))
              ? Path.of("/usr/bin", tool)
              : Path.of("/bin", tool);
      Files.createSymbolicLink(tools.resolve(tool), real);
    }
    env.put("PATH", tools.toString());

    Outcome outcome = launch("run");

    assertEquals(1, outcome.status());
    assertTrue(outcome.err().startsWith("baton: Maven is needed"), outcome.err());
    assertEquals(1, outcome.err().lines().count());
  }

  @Test
  void shouldPassOverAJdkThatIsTooOldAndRefuseOneThatWasNamed() throws Exception {
    Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"17.0.15\"\n");
    assertFalse(launch("run").out().contains("java:run"), "a JDK 17 was used");

    env.put("BATON_JAVA_HOME", jdk.toString());
    Outcome outcome = launch("run");
    assertEquals(1, outcome.status());
    assertEquals(
        "baton: BATON_JAVA_HOME="
            + jdk
            + " is not a JDK 25 or newer; point it at one or unset it\n",
        outcome.err());
  }

  @Test
  void shouldReadLettersOfAPromptWithoutALocale() throws Exception {
    script(jdk.resolve("bin/java"), "echo \"$LC_ALL\"");
    assertEquals("C.UTF-8\n", launch().out());
    env.put("LANG", "de_DE.UTF-8");
    assertEquals("\n", launch().out());
  }

  private record Outcome(int status, String out, String err) {}

  private Outcome launch(String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of(checkout.resolve("baton").toString()));
    command.addAll(List.of(words));
    return end(start(command.toArray(String[]::new)));
  }

  private Process start(String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(env);
    return builder.start();
  }

  private static Outcome end(Process process) throws Exception {
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return new Outcome(process.exitValue(), out, err);
  }

  /**
   * Maven as far as the launcher sees it: it takes a moment, makes the jar and the mark, and
   * counts.
   */
  private void mavenSucceeds() throws IOException {
    script(
        maven.resolve("mvn"),
        """
        sleep 0.2
        mkdir -p engine/target
        echo jar > engine/target/baton.jar
        touch engine/target/baton.built
        echo "$@" >> builds
        """);
  }

  private int builds() throws IOException {
    return Files.readAllLines(checkout.resolve("builds")).size();
  }

  private Path source() {
    return checkout.resolve("native/src/main/java/Source.java");
  }

  private static void script(Path file, String body) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + body);
    executable(file);
  }

  private static void executable(Path file) {
    assertTrue(file.toFile().setExecutable(true));
  }
}
