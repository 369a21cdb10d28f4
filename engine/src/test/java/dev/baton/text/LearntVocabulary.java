package dev.baton.text;

import dev.baton.gguf.GgufWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A byte-level vocabulary whose merges were learnt from random text that was not split into words,
 * so that they go across every boundary that a pre-tokenizer may see, and its ids tell where the
 * cuts are.
 */
final class LearntVocabulary {
  private static final int TEXTS = 600;
  private static final int MERGES = 1500;
  private static final LearntVocabulary ONLY = new LearntVocabulary();

  private final List<String> tokens = new ArrayList<>();
  private final List<String> merges = new ArrayList<>();

  private LearntVocabulary() {
    TestVocabularies.bytePairs("gpt-2", List.of()).tokens().forEach(t -> tokens.add(t.text()));
    SplittableRandom random = new SplittableRandom(7);
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < TEXTS; i++) {
      byte[] bytes = RandomText.of(random).getBytes(StandardCharsets.UTF_8);
      int[] ids = new int[bytes.length];
      for (int b = 0; b < ids.length; b++) {
        ids[b] = bytes[b] & 0xFF;
      }
      texts.add(ids);
    }
    while (merges.size() < MERGES && learn(texts)) {
      // One more each time.
    }
  }

  /** Merges the commonest pair, the smallest of those; false when none is left. */
  private boolean learn(List<int[]> texts) {
    Map<Long, Integer> counts = new HashMap<>();
    for (int[] ids : texts) {
      for (int i = 1; i < ids.length; i++) {
        counts.merge((long) ids[i - 1] << Integer.SIZE | ids[i], 1, Integer::sum);
      }
    }
    long best = -1;
    int most = 0;
    for (Map.Entry<Long, Integer> each : counts.entrySet()) {
      String merged =
          tokens.get((int) (each.getKey() >> Integer.SIZE)) + tokens.get(each.getKey().intValue());
      boolean better = each.getValue() > most || (each.getValue() == most && each.getKey() < best);
      if (better && !tokens.contains(merged)) {
        most = each.getValue();
        best = each.getKey();
      }
    }
    if (best < 0) {
      return false;
    }
    int left = (int) (best >> Integer.SIZE);
    int right = (int) best;
    merges.add(tokens.get(left) + " " + tokens.get(right));
    tokens.add(tokens.get(left) + tokens.get(right));
    for (int i = 0; i < texts.size(); i++) {
      texts.set(i, merged(texts.get(i), left, right, tokens.size() - 1));
    }
    return true;
  }

  private static int[] merged(int[] ids, int left, int right, int merged) {
    IdBuffer out = new IdBuffer();
    for (int i = 0; i < ids.length; i++) {
      boolean pair = i + 1 < ids.length && ids[i] == left && ids[i + 1] == right;
      out.add(pair ? merged : ids[i]);
      i += pair ? 1 : 0;
    }
    return out.toArray();
  }

  /** Writes it as the vocabulary of a model with that pre-tokenizer. */
  static void write(Path file, String preTokenizer) throws IOException {
    new GgufWriter()
        .string("general.architecture", "llama")
        .string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", preTokenizer)
        .strings("tokenizer.ggml.tokens", ONLY.tokens)
        .strings("tokenizer.ggml.merges", ONLY.merges)
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2)
        .write(file);
  }
}
