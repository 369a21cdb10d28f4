package dev.baton;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** The bundled model with something of its metadata changed, as large as before. */
final class PatchedModel {
  private static final String TYPES = "tokenizer.ggml.token_type";
  private static final String NAME = "general.name";
  private static final String CONTEXT = "llama.context_length";
  private static final int CONTROL = 3;

  private final ByteBuffer bytes;
  private final String text;

  PatchedModel() throws IOException {
    byte[] file = Files.readAllBytes(BatonProcess.TINY);
    this.bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    this.text = new String(file, ISO_8859_1);
  }

  /** Makes a token one that only steers the model. */
  PatchedModel withControlToken(int token) {
    int array = text.indexOf(TYPES) + TYPES.length() + 4; // behind the kind of the field
    bytes.putInt(array + 4 + 8 + 4 * token, CONTROL); // behind the kind and count of its elements
    return this;
  }

  /** Makes the model's name so many spaces. */
  PatchedModel withBlankName() {
    int value = text.indexOf(NAME) + NAME.length() + 4;
    for (int i = 0; i < bytes.getLong(value); i++) {
      bytes.put(value + 8 + i, (byte) ' ');
    }
    return this;
  }

  /** Has it serve longer prompts than it was trained with. */
  PatchedModel withContext(int tokens) {
    bytes.putInt(text.indexOf(CONTEXT) + CONTEXT.length() + 4, tokens);
    return this;
  }

  Path write(Path file) throws IOException {
    return Files.write(file, bytes.array());
  }
}
