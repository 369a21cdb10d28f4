package dev.baton.text;

import static dev.baton.text.TestVocabularies.token;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CharacterBpeTest {
  private static final List<String> PLAIN =
      List.of("a", "b", "▁", "\n", "é", "😀", "ab", "▁a", "\n\n", "▁▁", "😀é", "x\ny");

  @Test
  void shouldMergeCharactersByTheListAndWriteASpaceAsABar() {
    Tokenizer tokenizer = gemma4("a b", "▁ a", "▁ ▁", "😀 é");
    assertIds(tokenizer, "ab", "ab");
    assertIds(tokenizer, " ab", "▁", "ab");
    assertIds(tokenizer, " a  a", "▁a", "▁", "▁a");
    assertIds(tokenizer, "😀é😀", "😀é", "😀");
    assertEquals(" ab  a😀é", tokenizer.decode(ids(tokenizer, " ab  a😀é")));
  }

  @Test
  void shouldTakeNewlinesWholeWhereTheyAreATokenThoughNoMergesLeadToIt() {
    Tokenizer tokenizer = gemma4();
    assertIds(tokenizer, "a\n\nb", "a", "\n\n", "b");
    assertIds(tokenizer, "\n\n\n", "\n", "\n", "\n");
  }

  @Test
  void shouldSpellInBytesWhatIsNoToken() {
    Tokenizer tokenizer = gemma4("a c", "ac é");
    assertArrayEquals(new int[] {0xC3, 0xA4}, ids(tokenizer, "ä"));
    assertArrayEquals(new int[] {0xF0, 0x9F, 0x98, 0x81}, ids(tokenizer, "😁"));
    // Merged through texts that the vocabulary lacks.
    assertArrayEquals(new int[] {0x61, 0x63, 0xC3, 0xA9}, ids(tokenizer, "acé"));
    assertEquals("acé", tokenizer.decode(ids(tokenizer, "acé")));
  }

  @Test
  void shouldGiveTheBytesOfByteTokensAsTheyAre() {
    Tokenizer tokenizer = gemma4();
    assertArrayEquals(new byte[] {(byte) 0xFF}, tokenizer.pieceBytes(0xFF));
    assertEquals("\uFFFDa", tokenizer.decode(new int[] {0xFF, 0x61}));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gemma4", "sarvam-moe"})
  void shouldGiveBackEveryValidTextButForItsOwnMarkOfASpace(String preTokenizer) {
    Tokenizer tokenizer = Tokenizer.of(vocabulary(preTokenizer, "a b", "▁ a", "▁ ▁", "😀 é"));
    SplittableRandom random = new SplittableRandom(4);
    for (int round = 0; round < 2_000; round++) {
      String text = (round % 2 == 0 ? RandomText.of(random) : RandomText.anything(random));
      String plain = text.replace('▁', '_');
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      for (int id : ids(tokenizer, plain)) {
        bytes.writeBytes(tokenizer.pieceBytes(id));
      }
      assertArrayEquals(plain.getBytes(StandardCharsets.UTF_8), bytes.toByteArray());
    }
  }

  private static Tokenizer gemma4(String... merges) {
    return Tokenizer.of(vocabulary("gemma4", merges));
  }

  /** Ids 0 to 255 are bytes. */
  private static Vocabulary vocabulary(String preTokenizer, String... merges) {
    List<Vocabulary.Token> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(token(String.format("<0x%02X>", b), TokenType.BYTE));
    }
    PLAIN.forEach(text -> tokens.add(token(text)));
    return new Vocabulary(
        new Vocabulary.Scheme.RankedBytePairs(PreTokenizer.named(preTokenizer), List.of(merges)),
        tokens,
        new Vocabulary.SpecialIds(Vocabulary.NONE, Vocabulary.NONE, Vocabulary.NONE, Set.of()),
        new Vocabulary.Framing(false, false, false));
  }

  private static int[] ids(Tokenizer tokenizer, String text) {
    return tokenizer.encode(text, false, false);
  }

  private static void assertIds(Tokenizer tokenizer, String text, String... pieces) {
    int[] ids = new int[pieces.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 256 + PLAIN.indexOf(pieces[i]);
    }
    assertArrayEquals(ids, ids(tokenizer, text), text);
  }
}
