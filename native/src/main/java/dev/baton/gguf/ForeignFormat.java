package dev.baton.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Says what a file that is no GGUF looks like, and what to do about it. */
final class ForeignFormat {
  private static final int LOOK_BYTES = 64;

  private ForeignFormat() {}

  static String describe(MemorySegment bytes) {
    byte[] head =
        bytes.asSlice(0, Math.min(LOOK_BYTES, bytes.byteSize())).toArray(ValueLayout.JAVA_BYTE);
    String text = new String(head, StandardCharsets.ISO_8859_1);
    String lower = text.stripLeading().toLowerCase(Locale.ROOT);
    if (lower.startsWith("version https://git-lfs")) {
      return "it is a git-lfs pointer, not the model; fetch the model with 'git lfs pull'";
    }
    if (lower.startsWith("<!doctype") || lower.startsWith("<html") || lower.startsWith("<?xml")) {
      return "it looks like a web page; use the file's download link, not the page about it";
    }
    if (head.length > 8 && head[8] == '{' && bytes.get(GgufCursor.LONG, 0) > 0 && head[7] == 0) {
      return "it looks like a safetensors file; convert it to GGUF first";
    }
    if (lower.startsWith("{") || lower.startsWith("[")) {
      return "it looks like JSON; name the model's .gguf file";
    }
    if (text.startsWith("PK\3\4") || text.matches("(?s)\u0080[\2-\5].*")) {
      return "it looks like a zip archive or a PyTorch checkpoint; unpack it or convert it to GGUF"
          + " first";
    }
    if (text.startsWith("\u001f\u008b")
        || text.startsWith("(\u00b5/\u00fd")
        || text.startsWith("\u00fd7zXZ")
        || text.startsWith("7z\u00bc\u00af")
        || text.startsWith("Rar!")
        || text.startsWith("BZh")) {
      return "it looks like a compressed file; unpack it first";
    }
    if (text.startsWith("lmgg")
        || text.startsWith("tjgg")
        || text.startsWith("fmgg")
        || text.startsWith("algg")) {
      return "it is a ggml file from before GGUF; convert the model again";
    }
    if (text.contains(".weight") && head[3] == 0) {
      return "it looks like an importance matrix, not a model: llama.cpp's llama-quantize makes a"
          + " model with it (--imatrix)";
    }
    if (text.chars().allMatch(c -> c == 0)) {
      return "it starts with zeros only, as after a broken download; download it again";
    }
    return "expected the bytes 'GGUF', found "
        + GgufException.quoted(text.substring(0, Math.min(4, text.length())))
        + "; name the model's .gguf file";
  }
}
