package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.gguf.GgufFile;
import dev.baton.text.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code baton tokenize}: a text as a model's tokens. */
@Command(
    name = "tokenize",
    header = "Show a text as a model's tokens: ids and pieces.",
    description = {
      "%nOne token a line: its id, a tab, its piece. BOS and EOS are put where the model wants"
          + " them. Only the vocabulary of the GGUF is read, so any kind of model will do, and one"
          + " part of a split one.",
      "Bytes of a piece that are no whole character are shown as \\xNN.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton tokenize \"Once upon a time\"",
      "  baton tokenize --model vocab.gguf --json - < text.txt | jq -c .ids"
    })
final class TokenizeCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Parameters(
      paramLabel = "TEXT",
      description =
          "The text; '-' reads it from stdin. Put '--' before a word that begins with '-'.")
  private String text = "";

  @Mixin private ModelOption model = new ModelOption();

  @Option(
      names = "--special",
      description =
          "Let names of control tokens in the text, like <|im_end|>, become those tokens.")
  private boolean special;

  @Option(
      names = "--json",
      description = "Print one JSON object with ids and pieces; bytes are in hex.")
  private boolean json;

  TokenizeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** What {@code --json} prints. */
  record Result(String model, int count, int[] ids, List<Piece> tokens) {}

  /**
   * One token in {@code --json}.
   *
   * @param piece its text, with U+FFFD for bytes that are no whole character
   * @param bytes its bytes in hex
   */
  record Piece(int id, String piece, String bytes) {}

  @Override
  public Integer call() {
    String input = terminal.textOrInput(text);
    try (GgufFile file = GgufFile.openMetadata(model.file(terminal))) {
      Tokenizer tokenizer = Tokenizer.from(file.metadata());
      int[] ids = tokenizer.encode(input, true, special);
      if (json) {
        terminal.println(
            Json.line(new Result(model.nameOrPath(), ids.length, ids, pieces(tokenizer, ids))));
      } else {
        StringBuilder lines = new StringBuilder();
        for (int id : ids) {
          lines.append(id).append('\t').append(shown(tokenizer.pieceBytes(id, true))).append('\n');
        }
        terminal.print(lines.toString());
      }
    }
    return BatonCli.DONE;
  }

  private static List<Piece> pieces(Tokenizer tokenizer, int[] ids) {
    return Arrays.stream(ids)
        .mapToObj(id -> {
          byte[] bytes = tokenizer.pieceBytes(id, true);
          return new Piece(id, new String(bytes, UTF_8), HexFormat.of().formatHex(bytes));
        })
        .toList();
  }

  /** A piece on one line: what is no text, and what would not be seen, is escaped. */
  static String shown(byte[] bytes) {
    String text;
    try {
      text = UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException _) {
      StringBuilder escaped = new StringBuilder();
      for (byte b : bytes) {
        escaped.append(
            b >= ' ' && b < 0x7f
                ? Character.toString(b)
                : String.format(Locale.ROOT, "\\x%02x", b & 0xff));
      }
      return escaped.toString();
    }
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '\n' -> shown.append("\\n");
            case '\r' -> shown.append("\\r");
            case '\t' -> shown.append("\\t");
            case '\\' -> shown.append("\\\\");
            default -> {
              if (Character.isISOControl(c)) {
                shown.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                shown.appendCodePoint(c);
              }
            }
          }
        });
    return shown.toString();
  }
}
