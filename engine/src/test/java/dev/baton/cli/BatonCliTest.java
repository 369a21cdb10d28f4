package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.BatonException;
import dev.baton.ChangedModel;
import dev.baton.catalog.KeptWeights;
import dev.baton.catalog.ModelCatalog;
import dev.baton.cpu.CpuModel;
import dev.baton.gguf.GgufFile;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.NativeKernels;
import dev.baton.kvstream.ClusterKey;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

final class BatonCliTest {
  private static final String TINY = "src/main/resources/dev/baton/catalog/baton-tiny-q8_0.gguf";

  @TempDir Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Map<String, String> env = new HashMap<>();
  private String input = "";

  @BeforeEach
  void keepTheUsersCacheOut() {
    env.put("BATON_HOME", folder.resolve("home").toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run        | Answer a prompt.                    | '--split=auto|local|remote|N'",
        "node       | Run a node that other processes use | --listen=HOST:PORT",
        "plan       | where a cluster would compute | --ttft-limit=MS",
        "pull       | Bring a model into the cache folder | pinned SHA-256",
        "models     | List the models known by name       | --prune",
        "tokenize   | ids and pieces                      | --special",
        "perplexity | how well a model predicts a text    | windows of 512 tokens",
        "verify     | Compare a device's numbers          | --against=DEVICE",
        "devices    | can compute on this machine         | BATON_GGML_HOME",
        "simulate   | under recorded load                 | --ttft-limit",
        "journal    | planned for each request            | --follow",
        "key        | that the nodes of a cluster share   | --force",
        "doctor     | what could be better                | --json",
        "completion | bash and zsh                        | source <(baton completion)",
      })
  void shouldTeachEveryCommandByItsHelp(String command, String header, String detail) {
    assertEquals(0, run(command, "--help"));
    assertTrue(out().contains(header) && out().contains(detail), out());
    assertTrue(out().contains("Usage: baton " + command) && out().contains("Example"), out());
    assertEquals("", err());
  }

  @Test
  void shouldShowCommandsExamplesExitCodesAndEnvironmentInItsHelp() {
    assertEquals(0, run("--help"));
    for (String word :
        List.of(
            "perplexity",
            "baton pull smollm2-135m",
            "Exit codes",
            "BATON_HOME",
            "BATON_CLUSTER_KEY_FILE",
            "NO_COLOR")) {
      assertTrue(out().contains(word), () -> word + " is missing in\n" + out());
    }
  }

  @Test
  void shouldShowItsVersion() {
    assertEquals(0, run("--version"));
    assertTrue(out().matches("baton \\S.*\\R"), out());
  }

  @Test
  void shouldShowItsUsageOnStderrWithoutACommand() {
    assertEquals(2, run());
    assertEquals("", out());
    assertTrue(err().contains("Usage: baton"), err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run                          | missing required parameter: 'PROMPT'; see: baton run"
            + " --help",
        "run --mdel x hi              | unknown option --mdel (did you mean --model?); see: baton"
            + " run --help",
        "run --max-tokens many hi     | invalid value for option '--max-tokens': 'many' is not an"
            + " int; see: baton run --help",
        "run a b                      | one argument too many: 'b'; see: baton run --help",
        "rnu hi                       | no command is called 'rnu'; see: baton --help",
        "modles                       | no command is called 'modles' (did you mean models?); see:"
            + " baton --help",
        "calibrate --chunk 0          | --chunk takes a whole number from 1 to 1024, not 0; see:"
            + " baton calibrate --help",
        "calibrate a                  | one argument too many: 'a'; see: baton calibrate --help",
        "run --split middle hi        | 'middle' is no split: use auto, local, remote, or a layer"
            + " number from 0 on",
        "run --temperature -1 hi      | --temperature takes a number from 0 on, not -1.0; see:"
            + " baton run --help",
        "run --top-p 2 hi             | --top-p takes a number above 0 and at most 1, not 2.0; see:"
            + " baton run --help",
        "run --max-tokens 0 hi        | --max-tokens takes a whole number from 1 on, not 0; see:"
            + " baton run --help",
        "run --chunk 0 hi             | --chunk takes a whole number from 1 to 1024, not 0; see:"
            + " baton run --help",
        "run --timeout 0 hi           | --timeout takes a number from 0.1 to 86400, not 0.0; see:"
            + " baton run --help",
        "node --lease-ms 1            | --lease-ms takes a whole number from 100 to 86400000, not"
            + " 1; see: baton node --help",
        "node --max-chunk 0           | --max-chunk takes a whole number from 1 to 65536, not 0;"
            + " see: baton node --help",
        "node --listen here           | invalid value for option '--listen': 'here' is no host and"
            + " port; write HOST:PORT as in 192.168.1.20:4400; see: baton node --help",
        "node --role router           | invalid value for option '--role': expected one of"
            + " [prefill, decode, both] (case-sensitive) but was 'router'; see: baton node --help",
        "perplexity --chunk 0 file    | --chunk takes a whole number from 1 to 512, not 0; see:"
            + " baton perplexity --help",
      })
  void shouldAnswerWrongUsageWithOneLineAndExitCode2(String words, String line) {
    assertEquals(2, run(words.replace("MODEL", TINY).split(" ")), err());
    assertEquals("baton: " + line + "\n", err());
    assertEquals("", out());
  }

  @Test
  void shouldRefuseAnEmptyPrompt() {
    assertEquals(2, run("run", ""));
    assertEquals("baton: the prompt is empty; give some text to go on from\n", err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run --model smollm hi          | did you mean smollm2-135m?",
        "run --model ./gone.gguf hi     | model file ./gone.gguf does not exist",
        "tokenize --model src hi        | model src is a folder",
        "tokenize --model pom.xml hi    | pom.xml",
        "pull baton                     | did you mean baton-tiny?",
        "key --out gone/cluster.key     | cannot write gone/cluster.key: the folder",
        "run --cluster-key-file gone.key hi | the cluster key file gone.key does not exist: make it"
            + " with 'baton key --out gone.key'",
        "node --cluster-key-file src     | the cluster key file src is a folder",
        "perplexity gone.txt            | cannot read gone.txt as UTF-8 text (it does not exist)",
      })
  void shouldSayInOneLineWhatFailedAndEndWithExitCode1(String words, String part) {
    assertEquals(1, run(words.split(" ")), err());
    assertTrue(err().startsWith("baton: ") && err().contains(part), err());
    assertEquals(1, err().lines().count(), err());
    assertEquals("", out());
  }

  @Test
  void shouldPrintTheAnswerAloneOnStdoutAndTheReportOnStderr() {
    input = "The little fox\n";
    assertEquals(
        0, run("run", "--split", "local", "--model", TINY, "--max-tokens", "11", "-"), err());
    assertEquals(" lived in a green garden. His name was Hugo.", out());
    for (String fact :
        List.of(
            "model",
            "boundary",
            "prompt      4 tokens",
            "output      11 tokens",
            "KV streamed",
            "TTFT")) {
      assertTrue(err().contains(fact), () -> fact + " is missing in\n" + err());
    }
  }

  @Test
  void shouldPrintTextTokensAndReportAsOneJsonObject() {
    assertEquals(
        0,
        run("run", "--split", "local", "--model", TINY, "-n", "3", "--json", "The little fox"),
        err());
    JsonNode result = JsonMapper.shared().readTree(out());
    assertEquals(" lived in a", result.get("text").asString());
    assertEquals("[370,315,260]", result.get("tokens").toString());
    assertEquals(4, result.get("report").get("promptTokens").asInt());
    assertEquals("", err());
  }

  @Test
  void shouldEndTheAnswerBeforeAStopText() {
    assertEquals(
        0,
        run("run", "--split", "local", "--model", TINY, "--stop", " garden", "The little fox"),
        err());
    assertEquals(" lived in a green", out());
  }

  @Test
  void shouldGiveTheSameTextForTheSameSeed() {
    run(
        "run",
        "--split",
        "local",
        "--model",
        TINY,
        "-n",
        "20",
        "-t",
        "1",
        "--seed",
        "5",
        "The little fox");
    String first = out();
    out.reset();
    run(
        "run",
        "--split",
        "local",
        "--model",
        TINY,
        "-n",
        "20",
        "-t",
        "1",
        "--seed",
        "5",
        "The little fox");
    assertEquals(first, out());
    assertTrue(err().contains("seed        5\n"), err());
  }

  @Test
  void shouldShowIdsAndPieces() {
    assertEquals(0, run("tokenize", "--model", TINY, "Once upon a time"));
    assertEquals("0\t<s>\n458\tOnce\n504\t upon\n260\t a\n413\t time\n", out());
    assertEquals("", err());
  }

  @Test
  void shouldShowIdsAndPiecesAsJson() {
    input = "Hi\n";
    assertEquals(0, run("tokenize", "--model", TINY, "--json", "-"));
    JsonNode result = JsonMapper.shared().readTree(out());
    assertEquals(result.get("count").asInt(), result.get("ids").size());
    assertEquals("<s>", result.get("tokens").get(0).get("piece").asString());
    assertFalse(out().contains("\\n"), "the line end that ends the input is no part of it");
  }

  @Test
  void shouldTokenizeWithoutTensorsAndNameTheFileThatItCannotRead() throws IOException {
    Path vocabulary =
        ChangedModel.write(folder.resolve("vocab.gguf"), Set.of(), w -> {}, tensor -> false);
    assertEquals(0, run("tokenize", "--model", vocabulary.toString(), "Once"), err());
    assertEquals("0\t<s>\n458\tOnce\n", out());
    Path whole = Path.of(TINY);
    Path cut = folder.resolve("cut.gguf");
    Files.write(cut, Arrays.copyOf(Files.readAllBytes(whole), 200_000));
    out.reset();
    assertEquals(0, run("tokenize", "--model", cut.toString(), "Once"), err());
    assertEquals("0\t<s>\n458\tOnce\n", out());
    assertEquals(1, run("run", "--model", cut.toString(), "Once"));
    assertTrue(err().contains(cut + ": truncated"), err());
    Path none =
        ChangedModel.write(
            folder.resolve("none.gguf"),
            Set.of("tokenizer.ggml.model"),
            w -> w.string("tokenizer.ggml.model", "bert"),
            tensor -> true);
    for (String command : List.of("tokenize", "run")) {
      err.reset();
      assertEquals(1, run(command, "--model", none.toString(), "Once"));
      assertTrue(err().startsWith("baton: " + none + ": metadata 'tokenizer.ggml.model'"), err());
    }
  }

  @Test
  void shouldFailWhereAModelPredictsNoNumbers() throws IOException {
    Path broken = folder.resolve("broken.gguf");
    byte[] bytes = Files.readAllBytes(Path.of(TINY));
    try (GgufFile model = GgufFile.open(Path.of(TINY))) {
      GgufTensor output =
          model.find("output.weight").orElseGet(() -> model.tensor("token_embd.weight"));
      ByteBuffer.wrap(bytes)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putShort((int) output.offset(), Float.floatToFloat16(Float.NaN));
    }
    Files.write(broken, bytes);
    Path text = Path.of("src/test/resources/dev/baton/baton-tiny-heldout.txt");
    for (String command : List.of("perplexity", "verify")) {
      err.reset();
      assertEquals(1, run(command, "--model", broken.toString(), "--json", text.toString()));
      assertTrue(err().startsWith("baton: " + broken + ": "), err());
      assertEquals(1, err().lines().count(), err());
      assertEquals("", out());
    }
  }

  @Test
  void shouldScoreTheSameBytesAlikeFromAFileAndFromStdin() throws IOException {
    // One window, of which the last token is the line end.
    String text = "Once upon a time, a fox. ".repeat(73) + "\n";
    Path file = Files.writeString(folder.resolve("text.txt"), text);
    assertEquals(0, run("perplexity", "--model", TINY, "--json", file.toString()), err());
    String fromFile = out();
    out.reset();
    input = text;
    assertEquals(0, run("perplexity", "--model", TINY, "--json", "-"), err());
    assertEquals(fromFile, out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"a\tb\\c\n", "\u0001"})
  void shouldShowEveryPieceOnOneLine(String piece) {
    String shown = TokenizeCommand.shown(piece.getBytes(UTF_8));
    assertTrue(shown.codePoints().noneMatch(Character::isISOControl), shown);
  }

  @Test
  void shouldShowBytesThatAreNoCharacterInHex() {
    assertEquals("a\\xe2\\x82", TokenizeCommand.shown(new byte[] {'a', (byte) 0xe2, (byte) 0x82}));
  }

  @Test
  void shouldListModelsWithLicenceAndSize() {
    assertEquals(0, run("models"));
    assertTrue(
        out().contains("smollm2-135m") && out().contains("98.4 MB") && out().contains("Apache-2.0"),
        out());
    out.reset();
    assertEquals(0, run("models", "--json"));
    JsonNode models = JsonMapper.shared().readTree(out());
    assertEquals("baton-tiny", models.get(0).get("name").asString());
    assertTrue(models.get(0).get("present").asBoolean());
  }

  @Test
  void shouldShowThePackedWeightsThatAreKeptAndRemoveThem() {
    assumeTrue(NativeKernels.whyMissing().isEmpty(), "no C kernels, which alone pack");
    Path model = ModelCatalog.of(env).resolve("baton-tiny");
    try (Kernels kernels = NativeKernels.open(KernelsConfig.defaults());
        CpuModel loaded = CpuModel.load(model, kernels, KeptWeights.of(env), done -> {})) {
      assertEquals(0, run("models"));
      assertTrue(out().contains("packed weights: ") && out().contains(model.toString()), out());
      assertTrue(packedBytesOfTheTinyModel() > 5_000_000);
      assertEquals(0, run("models", "--prune=1"), err());
      assertTrue(packedBytesOfTheTinyModel() > 5_000_000);
      assertEquals(2, run("models", "--prune=-1"));
      assertEquals(0, run("models", "--prune"), err());
      assertTrue(err().contains("MB of packed weights"), err());
      assertEquals(0, packedBytesOfTheTinyModel());
      assertEquals(Optional.empty(), loaded.weightNotice());
    }
  }

  private long packedBytesOfTheTinyModel() {
    out.reset();
    assertEquals(0, run("models", "--json"));
    return JsonMapper.shared().readTree(out()).get(0).get("packedBytes").asLong();
  }

  @Test
  void shouldSayWhatItFindsOnTheMachine() {
    run("doctor", "--json");
    JsonNode findings = JsonMapper.shared().readTree(out());
    List<String> looked =
        findings.valueStream().map(finding -> finding.get("what").asString()).toList();
    assertTrue(
        looked.containsAll(
            List.of(
                "java", "kernels", "shared memory", "socket buffer", "datagrams", "cache folder")),
        out());
  }

  @Test
  void shouldFindAnUnknownKernelLevelBroken() {
    env.put("BATON_CPU_ISA", "mmx");
    assertEquals(1, run("doctor"));
    assertTrue(out().contains("broken") && out().contains("mmx"), out());
  }

  @Test
  void shouldPrintAnotherKeyEachTime() {
    assertEquals(0, run("key"));
    String first = out();
    assertTrue(first.matches("[0-9a-f]{64}\n"), first);
    out.reset();
    assertEquals(0, run("key"));
    assertTrue(out().matches("[0-9a-f]{64}\n"), out());
    assertNotEquals(first, out());
    assertEquals("", err());
  }

  @Test
  void shouldWriteAKeyFileThatItsOwnerAloneCanReadAndSayWhatToDoWithIt() throws IOException {
    Path file = folder.resolve("cluster.key");
    assertEquals(0, run("key", "--out", file.toString()));
    assertEquals("", out());
    assertEquals(
        "baton: copy "
            + file
            + " to every node, readable by its owner only, and set BATON_CLUSTER_KEY_FILE to its"
            + " path there\n",
        err());
    assertTrue(Files.readString(file).matches("[0-9a-f]{64}\n"));
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    assertEquals(Files.readString(file).strip(), ClusterKey.read(file).text());
  }

  @Test
  void shouldReplaceAKeyFileOnlyWhenTold() throws IOException {
    Path file = Files.writeString(folder.resolve("cluster.key"), "old");
    assertEquals(1, run("key", "--out", file.toString()));
    assertEquals(
        "baton: "
            + file
            + " exists, and nodes may still use that key: write another file, or --force\n",
        err());
    assertEquals("old", Files.readString(file));
    assertEquals(0, run("key", "--force", "--out", file.toString()));
    assertEquals(64, ClusterKey.read(file).text().length());
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void shouldCompleteItsWordsInAShell() throws IOException, InterruptedException {
    assertEquals(0, run("completion"));
    Path script = Files.writeString(folder.resolve("baton.bash"), out());
    Process check =
        new ProcessBuilder("sh", "-c", "command -v bash >/dev/null || exit 0; bash -n " + script)
            .start();
    assertEquals(0, check.waitFor());
    assertTrue(
        out().contains("--max-tokens")
            && out().contains("perplexity")
            && out().contains("--force"));
  }

  @Test
  void shouldEndQuietlyWhenTheReaderOfThePipeIsGone() {
    assertEquals(0, BatonCli.run(terminal(failing("Broken pipe"), false), "models"));
    assertEquals("", err());
  }

  @Test
  void shouldSayThatTheResultCannotBeWritten() {
    assertEquals(1, BatonCli.run(terminal(failing("No space left on device"), false), "models"));
    assertEquals("baton: cannot write the result: No space left on device\n", err());
  }

  @Test
  void shouldColourErrorsOnATerminalOnlyAndNotWhereNobodyWantsThem() {
    BatonCli.run(terminal(out, true), "nothing");
    assertTrue(err().contains("\033["), err());
    err.reset();
    env.put("NO_COLOR", "1");
    BatonCli.run(terminal(out, true), "nothing");
    assertFalse(err().contains("\033["), err());
  }

  @Test
  void shouldGiveTheStackTraceOfAnInternalErrorOnlyWhenAsked() {
    Terminal terminal = terminal(out, false);
    assertEquals(1, Failure.report(new IllegalStateException("so\nmuch"), terminal));
    assertEquals(
        "baton: internal error: java.lang.IllegalStateException: so; much (set BATON_TRACE=1 for"
            + " the stack trace)\n",
        err());
    err.reset();
    assertEquals(1, Failure.report(new BatonException("no room"), terminal));
    assertEquals("baton: no room\n", err());
    err.reset();
    env.put("BATON_TRACE", "1");
    Failure.report(new BatonException("no room"), terminal(out, false));
    assertTrue(err().contains("\tat dev.baton.cli"), err());
  }

  private int run(String... words) {
    return BatonCli.run(terminal(out, false), words);
  }

  private Terminal terminal(OutputStream result, boolean seen) {
    return new Terminal(
        new ByteArrayInputStream(input.getBytes(UTF_8)),
        result,
        new PrintStream(err, true, UTF_8),
        seen,
        seen,
        Map.copyOf(env));
  }

  private static OutputStream failing(String message) {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException(message);
      }
    };
  }

  private String out() {
    return out.toString(UTF_8);
  }

  private String err() {
    return err.toString(UTF_8);
  }
}
