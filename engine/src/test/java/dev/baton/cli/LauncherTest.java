package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.BatonProcess;
import dev.baton.node.JavaCommand;
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
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

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
    assertEquals("baton: building (first call, about a minute)…\n", first.err());
    assertTrue(first.out().endsWith("java:run\njava:two words\njava:\n"), first.out());

    Outcome second = launch("run");
    assertEquals("", second.err());
    assertEquals(1, builds());
  }

  @Test
  void shouldLeaveTheCheckersAndTheTestsToMavenVerify() throws Exception {
    launch("run");

    String words = " " + Files.readString(checkout.resolve("builds")).strip() + " ";
    assertTrue(words.contains(" -Dquick "), words);
    assertTrue(words.contains(" -Dmaven.test.skip=true "), words);
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
    assertEquals("baton: building (first call, about a minute)…\n", outcome.err());
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
  void shouldStartTheJvmInALocaleOfUtf8WhateverIsSet() throws Exception {
    script(jdk.resolve("bin/java"), "echo \"$LC_ALL\"");
    assertEquals("C.UTF-8\n", launch().out());
    for (String name : List.of("LANG", "LC_CTYPE", "LC_ALL")) {
      for (String locale : List.of("de_DE.UTF-8", "xx_YY.utf8", "UTF-8", "xx_YY", "POSIX")) {
        env.put(name, locale);
        assertEquals("C.UTF-8\n", launch().out(), name + "=" + locale);
        env.remove(name);
      }
    }
  }

  @Test
  void shouldKeepALocaleOfAnotherCharsetThatIsInstalled() throws Exception {
    script(jdk.resolve("bin/java"), "echo \"$LC_ALL\"");
    script(maven.resolve("locale"), "[ \"$1\" = charmap ] && echo ISO-8859-1");
    env.put("LANG", "de_DE");
    assertEquals("\n", launch().out());
  }

  /** As bytes, since this JVM may not be able to pass such letters on itself. */
  @Test
  void shouldKeepEveryLetterOfArgumentsPathsAndInputInALocaleThatIsNotInstalled() throws Exception {
    javaIsReal();
    env.put("LANG", "en_US.UTF-8");
    String letters = "\\303\\251 \\346\\227\\245 \\360\\237\\230\\200"; // é 日 😀
    String run =
        "l=$(printf '"
            + letters
            + "'); cp '"
            + BatonProcess.TINY
            + "' \"$l.gguf\" && '"
            + checkout.resolve("baton")
            + "' tokenize --json --model \"$l.gguf\" ";

    Outcome argument = end(start("sh", "-c", "cd '" + folder + "' && " + run + "\"$l\""));
    assertEquals(0, argument.status(), argument.err());
    JsonNode tokens = JsonMapper.shared().readTree(argument.out());
    assertEquals("é 日 😀.gguf", tokens.get("model").asString());
    StringBuilder bytes = new StringBuilder();
    tokens.get("tokens").forEach(token -> bytes.append(token.get("bytes").asString()));
    assertTrue(bytes.toString().endsWith("c3a920e697a520f09f9880"), bytes.toString());

    Outcome input =
        end(
            start(
                "sh", "-c", "cd '" + folder + "' && printf '" + letters + "' | { " + run + "-; }"));
    assertEquals(argument.out(), input.out(), input.err());
  }

  @Test
  void shouldNotTakeAFileOfItsOwnForAClosedInputOrOutput() throws Exception {
    javaIsReal();
    launch();
    String baton = "'" + checkout.resolve("baton") + "' ";
    Outcome in = end(start("sh", "-c", baton + "tokenize - <&-"));
    assertEquals(1, in.status());
    assertEquals(
        "baton: cannot read standard input: it is closed; give a text instead of -, or pipe one"
            + " in\n",
        in.err());
    Outcome out = end(start("sh", "-c", baton + "models >&-"));
    assertEquals(1, out.status());
    assertEquals("baton: cannot write the result: standard output is closed\n", out.err());
    Outcome err = end(start("sh", "-c", baton + "tokenize --model gone x <&- 2>&-"));
    assertEquals(1, err.status());
  }

  @Test
  void shouldSayThatTheWorkingFolderIsGone() throws Exception {
    launch();
    Path gone = Files.createDirectory(folder.resolve("gone"));
    String baton = "'" + checkout.resolve("baton") + "' run";
    Outcome outcome =
        end(start("sh", "-c", "cd '" + gone + "' && rmdir '" + gone + "' && " + baton));
    assertEquals(1, outcome.status());
    assertTrue(
        outcome
            .err()
            .endsWith("baton: the working folder has been removed; change to another one\n"),
        outcome.err());
    assertEquals("", outcome.out());
  }

  /** The classes under test in the place of the jar, and the JVM of this test. */
  private void javaIsReal() throws IOException {
    script(
        jdk.resolve("bin/java"),
        """
        options=
        while [ "$1" != -jar ]; do
          case $1 in -D*) options="$options $1" ;; -XX:AOTCacheOutput=*) exit 1 ;; esac
          shift
        done
        shift 2
        exec '%s/bin/java' %s $options -cp '%s' dev.baton.cli.BatonCli "$@"
        """
            .formatted(
                System.getProperty("java.home"),
                String.join(" ", JavaCommand.FLAGS),
                System.getProperty("java.class.path")));
    env.put("BATON_HOME", folder.resolve("home").toString());
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
