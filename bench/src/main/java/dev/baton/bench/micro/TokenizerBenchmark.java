package dev.baton.bench.micro;

import dev.baton.bench.model.HeldOutText;
import dev.baton.bench.report.WrongResult;
import dev.baton.catalog.ModelCatalog;
import dev.baton.gguf.GgufFile;
import dev.baton.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A text of 29 KB to tokens and back, by the vocabulary of a model that is here.
 *
 * <p>Inside the window: {@link Tokenizer#encode} or {@link Tokenizer#decode} of the whole text; the
 * rate is of its UTF-8 bytes. Outside: reading the vocabulary. Proved before: what is decoded is
 * the text.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 700, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class TokenizerBenchmark {
  @Param({"baton-tiny"})
  private String model = "";

  private final String text = HeldOutText.read();
  private final int bytes = text.getBytes(StandardCharsets.UTF_8).length;
  private Tokenizer tokenizer;
  private int[] ids;

  @Setup
  public void prepare() {
    try (GgufFile file = GgufFile.open(ModelCatalog.of(System.getenv()).resolve(model))) {
      tokenizer = Tokenizer.from(file.metadata());
    }
    ids = tokenizer.encode(text, false, false);
    if (!tokenizer.decode(ids).equals(text)) {
      throw new WrongResult("the tokenizer of " + model + " gives another text back");
    }
  }

  @Benchmark
  public int[] encode(MovedBytes moved) {
    moved.movedBytes += bytes;
    return tokenizer.encode(text, false, false);
  }

  @Benchmark
  public String decode(MovedBytes moved) {
    moved.movedBytes += bytes;
    return tokenizer.decode(ids);
  }
}
