package dev.baton.template;

import java.util.Locale;
import java.util.function.UnaryOperator;

/** Letters' cases in texts, marks kept: each marked and each unmarked run by itself. */
final class Caseless {
  private Caseless() {}

  static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  static Text lower(Text text) {
    return map(text, Caseless::lower);
  }

  static Text upper(Text text) {
    return map(text, run -> run.toUpperCase(Locale.ROOT));
  }

  /** Each run changed by itself. */
  static Text map(Text text, UnaryOperator<String> change) {
    TextBuilder changed = new TextBuilder();
    String chars = text.chars();
    for (int at = 0; at < chars.length(); at = text.runEnd(at)) {
      changed.append(change.apply(chars.substring(at, text.runEnd(at))), text.isMarkedAt(at));
    }
    return changed.text().asSafe(text.safe());
  }

  /** The first character in title case, the others small. */
  static Text capitalized(Text text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.chars().codePointAt(0));
    return new TextBuilder()
        .append(map(text.part(0, first), Caseless::title))
        .append(lower(text.part(first, text.chars().length())))
        .text()
        .asSafe(text.safe());
  }

  private static String title(String character) {
    int code = character.codePointAt(0);
    int title = Character.toTitleCase(code);
    if (title != code) {
      return Character.toString(title);
    }
    String upper = character.toUpperCase(Locale.ROOT); // two letters, of "ß"
    int first = upper.offsetByCodePoints(0, 1);
    return upper.substring(0, first) + lower(upper.substring(first));
  }

  /** Python's {@code title()}: a letter after none is large, others are small. */
  static Text titled(Text text) {
    TextBuilder titled = new TextBuilder();
    boolean inWord = false;
    String chars = text.chars();
    for (int at = 0; at < chars.length(); ) {
      int code = chars.codePointAt(at);
      int end = at + Character.charCount(code);
      Text character = text.part(at, end);
      titled.append(map(character, inWord ? Caseless::lower : Caseless::title));
      inWord = isCased(code);
      at = end;
    }
    return titled.text().asSafe(text.safe());
  }

  static Text swapped(Text text) {
    TextBuilder swapped = new TextBuilder();
    String chars = text.chars();
    for (int at = 0; at < chars.length(); ) {
      int code = chars.codePointAt(at);
      int end = at + Character.charCount(code);
      Text character = text.part(at, end);
      swapped.append(Character.isUpperCase(code) ? lower(character) : upper(character));
      at = end;
    }
    return swapped.text().asSafe(text.safe());
  }

  static boolean isCased(int code) {
    return Character.isUpperCase(code)
        || Character.isLowerCase(code)
        || Character.isTitleCase(code);
  }

  /** Whether there are letters with cases, all of the kind asked for. */
  static boolean isAll(Text text, boolean upper) {
    int[] cased = text.chars().codePoints().filter(Caseless::isCased).toArray();
    for (int code : cased) {
      if (upper ? !Character.isUpperCase(code) : !Character.isLowerCase(code)) {
        return false;
      }
    }
    return cased.length > 0;
  }
}
