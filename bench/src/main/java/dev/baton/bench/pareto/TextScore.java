package dev.baton.bench.pareto;

import dev.baton.bench.report.WrongResult;
import dev.baton.cpu.CpuModel;
import dev.baton.cpu.CpuPass;
import dev.baton.gguf.GgufTensor;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.kv.KvSequence;
import dev.baton.model.TokenBatch;
import dev.baton.text.Tokenizer;
import dev.baton.text.Vocabulary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How well a model predicts a text, and what it takes up. Every byte of the text is scored, in
 * segments that are the same for every model, each behind nothing but the token that begins a text:
 * so figures of different tokenizers compare.
 *
 * @param bits that the text takes when the model's predictions encode it
 * @param bytes of the text
 * @param tokens it is for this model
 * @param contextTokens that the model takes
 * @param weightBytes of its tensors, as in the file
 * @param kvBytesPerToken of its pool
 */
record TextScore(
    double bits,
    long bytes,
    long tokens,
    int contextTokens,
    long weightBytes,
    long kvBytesPerToken) {
  /** Half of what small models' context is, in the tokens of an English text. */
  static final int SEGMENT_BYTES = 2000;

  private static final int CHUNK = 128;
  private static final int ROWS = 32;

  /** The comparable figure: lower is better, 8 is knowing nothing. */
  double bitsPerByte() {
    return bits / bytes;
  }

  /** The field's usual figure, which compares only between models of the same vocabulary. */
  double perplexity() {
    return Math.pow(2, bits / tokens);
  }

  double bytesPerToken() {
    return (double) bytes / tokens;
  }

  /** How many tokens so many bytes of such a text are. */
  int tokensOf(int ofBytes) {
    return Math.toIntExact(Math.max(1, Math.ceilDiv(ofBytes * tokens, bytes)));
  }

  /**
   * Scores a text.
   *
   * @throws WrongResult where the model's context does not hold a segment
   */
  static TextScore of(Path file, int threads, String text) {
    KernelsConfig config = KernelsConfig.fromEnvironment(System.getenv()).withThreads(threads);
    try (var kernels = KernelChoice.open(config).kernels();
        CpuModel model = CpuModel.load(file, kernels, _ -> {})) {
      Vocabulary vocabulary = Vocabulary.from(model.file().metadata());
      List<int[]> segments = segments(vocabulary, text);
      int longest = segments.stream().mapToInt(ids -> ids.length).max().orElse(0);
      int context = model.shape().context();
      if (longest > context) {
        throw new WrongResult(
            "a segment of "
                + SEGMENT_BYTES
                + " bytes of the text is "
                + longest
                + " tokens for "
                + file.getFileName()
                + ", whose context is "
                + context
                + "; leave it out or give another text");
      }
      double bits = 0;
      long tokens = 0;
      try (Scorer scorer = new Scorer(model, longest)) {
        for (int[] ids : segments) {
          bits += scorer.bits(ids);
          tokens += ids.length - 1;
        }
      }
      if (!Double.isFinite(bits)) {
        throw new WrongResult(
            file.getFileName() + " predicts no numbers; its weights are damaged, leave it out");
      }
      KvGeometry geometry = model.kvGeometry();
      return new TextScore(
          bits,
          text.getBytes(StandardCharsets.UTF_8).length,
          tokens,
          context,
          model.file().tensors().stream().mapToLong(GgufTensor::byteSize).sum(),
          (long) geometry.layers() * geometry.tokenBytes());
    }
  }

  /** Each segment's tokens, behind one that begins a text. */
  private static List<int[]> segments(Vocabulary vocabulary, String text) {
    Tokenizer tokenizer = Tokenizer.of(vocabulary);
    int bos = vocabulary.special().bos();
    int first =
        bos == Vocabulary.NONE || !vocabulary.framing().addsBos() ? separator(vocabulary) : bos;
    List<int[]> segments = new ArrayList<>();
    for (String segment : TextSegments.of(text, SEGMENT_BYTES)) {
      int[] ids = tokenizer.encode(segment, false, false);
      int[] behind = new int[ids.length + 1];
      behind[0] = first;
      System.arraycopy(ids, 0, behind, 1, ids.length);
      segments.add(behind);
    }
    return segments;
  }

  /** What stood between texts in the training of a model that puts nothing before them. */
  private static int separator(Vocabulary vocabulary) {
    int eos = vocabulary.special().eos();
    int bos = vocabulary.special().bos();
    return eos != Vocabulary.NONE ? eos : bos != Vocabulary.NONE ? bos : 0;
  }

  private static final class Scorer implements AutoCloseable {
    private final CpuModel model;
    private final CpuPass forward;
    private final TokenBatch batch = new TokenBatch(CHUNK);
    private final KvPool pool;
    private final int longest;
    private final int vocab;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment logits; // (ROWS, vocab)

    Scorer(CpuModel model, int longest) {
      this.model = model;
      this.longest = longest;
      this.forward = new CpuPass(model, CHUNK);
      this.pool = new KvPool(model.kvGeometry(), KvPool.blocksFor(longest));
      this.vocab = model.shape().vocab();
      this.logits = arena.allocate((long) ROWS * vocab * Float.BYTES, 64);
    }

    /** Of all tokens but the first. */
    double bits(int[] ids) {
      double nats = 0;
      try (KvSequence sequence = pool.reserve(longest)) {
        if (sequence == null) {
          throw new IllegalStateException("the pool was made for the longest segment");
        }
        for (int at = 0; at < ids.length - 1; at += CHUNK) {
          int count = Math.min(CHUNK, ids.length - 1 - at);
          batch.clear().add(sequence, ids, at, count, at);
          forward.embed(batch);
          forward.layers(batch, 0, model.shape().layers());
          for (int row = 0; row < count; row += ROWS) {
            int rows = Math.min(ROWS, count - row);
            forward.logits(row, rows, logits);
            for (int i = 0; i < rows; i++) {
              nats += negativeLogLikelihood(i, ids[at + row + i + 1]);
            }
          }
        }
      }
      return nats / Math.log(2);
    }

    private double negativeLogLikelihood(int row, int token) {
      long base = (long) row * vocab;
      float max = Float.NEGATIVE_INFINITY;
      for (int i = 0; i < vocab; i++) {
        max = Math.max(max, logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + i));
      }
      double total = 0;
      for (int i = 0; i < vocab; i++) {
        total += Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + i) - max);
      }
      return Math.log(total) - (logits.getAtIndex(ValueLayout.JAVA_FLOAT, base + token) - max);
    }

    @Override
    public void close() {
      forward.close();
      pool.close();
      arena.close();
    }
  }
}
