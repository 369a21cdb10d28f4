package dev.baton.bench.compare;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.bench.report.BenchResult;
import dev.baton.bench.report.Machine;
import dev.baton.bench.report.Provenance;
import dev.baton.bench.report.ResultFigure;
import dev.baton.bench.report.ResultFigure.Better;
import dev.baton.file.WholeFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

final class CompareCommandTest {
  private static final Machine HERE = new Machine("cpu", "avx2", 2, 2500.0, 1L << 34, "Linux");
  private static final Machine THERE = new Machine("cpu", "avx512", 2, 2500.0, 1L << 34, "Linux");
  private static final ResultFigure TTFT =
      new ResultFigure("TTFT", "ms", Better.LOWER, 10, 9, 11, 5);
  private static final ResultFigure RATE =
      new ResultFigure("rate", "tok/s", Better.HIGHER, 100, 95, 105, 5);

  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private BenchResult result(Machine machine, String model, ResultFigure... figures) {
    Provenance from =
        new Provenance(
            "0.1",
            null,
            false,
            Instant.EPOCH,
            List.of(),
            machine,
            new Provenance.Model(model, model + ".gguf", model));
    return BenchResult.of("split", true, from, List.of(figures), null);
  }

  private int compare(BenchResult before, BenchResult after, String... more) throws IOException {
    WholeFile.write(folder.resolve("old.json"), before.json());
    WholeFile.write(folder.resolve("new.json"), after.json());
    out.reset();
    err.reset();
    CommandLine line =
        new CommandLine(
            new CompareCommand(
                new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8)));
    line.setExecutionExceptionHandler((e, command, parsed) -> {
      err.writeBytes(String.valueOf(e.getMessage()).getBytes(UTF_8));
      return e instanceof IllegalArgumentException ? 2 : 1;
    });
    List<String> words = new java.util.ArrayList<>(List.of(more));
    words.add(folder.resolve("old.json").toString());
    words.add(folder.resolve("new.json").toString());
    return line.execute(words.toArray(String[]::new));
  }

  private int compare(ResultFigure before, ResultFigure after, String... more) throws IOException {
    return compare(result(HERE, "m", before), result(HERE, "m", after), more);
  }

  private void says(String what) {
    assertTrue(out.toString(UTF_8).contains(what), out.toString(UTF_8) + err.toString(UTF_8));
  }

  private static ResultFigure of(
      ResultFigure like, double median, double low, double high, int runs) {
    return new ResultFigure(like.name(), like.unit(), like.better(), median, low, high, runs);
  }

  @Test
  void shouldFailOnWhatIsWorseBeyondTheNoiseInEitherDirection() throws IOException {
    assertEquals(1, compare(TTFT, of(TTFT, 13, 11.5, 14, 5)));
    says("1 worse");
    says("+30.0 %");
    assertEquals(1, compare(RATE, of(RATE, 80, 75, 94, 5)));
    says("1 worse");
  }

  @Test
  void shouldPassWhatIsBetterAndSayIt() throws IOException {
    assertEquals(0, compare(TTFT, of(TTFT, 8, 7, 8.9, 5)));
    says("1 better");
    assertEquals(0, compare(RATE, of(RATE, 120, 106, 125, 5)));
    says("1 better");
  }

  @Test
  void shouldTakeWhatOverlapsOrHardlyDiffersAsTheSame() throws IOException {
    assertEquals(0, compare(TTFT, of(TTFT, 14, 10.9, 15, 5)));
    says("1 the same");
    ResultFigure sharp = of(TTFT, 10, 9.99, 10.01, 5);
    assertEquals(0, compare(sharp, of(TTFT, 10.4, 10.39, 10.41, 5)));
    says("1 the same");
    assertEquals(1, compare(sharp, of(TTFT, 10.4, 10.39, 10.41, 5), "--tolerance=2"));
  }

  @Test
  void shouldNotJudgeByOneRun() throws IOException {
    assertEquals(0, compare(of(TTFT, 10, 10, 10, 1), of(TTFT, 20, 20, 20, 1)));
    says("1 of one run");
  }

  @Test
  void shouldFailWhereAFigureIsGoneAndTellOfNewOnes() throws IOException {
    assertEquals(1, compare(result(HERE, "m", TTFT, RATE), result(HERE, "m", RATE)));
    says("1 gone");
    assertEquals(0, compare(result(HERE, "m", RATE), result(HERE, "m", RATE, TTFT)));
    says("1 new");
  }

  @Test
  void shouldRefuseAnotherMachineOrModelUnlessToldTo() throws IOException {
    BenchResult old = result(HERE, "m", TTFT);
    assertEquals(2, compare(old, result(THERE, "m", TTFT)));
    assertTrue(err.toString(UTF_8).contains("the machine is another"), err.toString(UTF_8));
    assertEquals("", out.toString(UTF_8));
    assertEquals(2, compare(old, result(HERE, "other", TTFT)));
    assertTrue(err.toString(UTF_8).contains("the model is another"), err.toString(UTF_8));
    assertEquals(0, compare(old, result(THERE, "other", TTFT), "--anyway"));
    assertEquals(2, err.toString(UTF_8).lines().count(), err.toString(UTF_8));
  }

  @Test
  void shouldPrintEveryFigureAsJson() throws IOException {
    assertEquals(1, compare(TTFT, of(TTFT, 13, 11.5, 14, 5), "--json"));
    says("\"regression\":true");
    says("\"verdict\":\"worse\"");
  }
}
