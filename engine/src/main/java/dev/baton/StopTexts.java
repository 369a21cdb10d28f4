package dev.baton;

import java.util.List;

/** Holds back the end of a text while it may be the beginning of a stop text. One thread. */
final class StopTexts {
  private static final char SEEN = 's';
  private static final char UNSEEN = 'u';

  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();

  /** Of each character in {@link #held}, whether it is shown. */
  private final StringBuilder marks = new StringBuilder();

  private boolean found;

  StopTexts(List<String> stops) {
    this.stops = stops;
  }

  /** Takes more text and gives what is certainly part of the answer. */
  String pass(String text) {
    return take(text, SEEN);
  }

  /** Takes text that may be part of a stop text, but not of the answer. */
  String passUnseen(String text) {
    return take(text, UNSEEN);
  }

  private String take(String text, char mark) {
    if (stops.isEmpty() || found) {
      return found || mark == UNSEEN ? "" : text;
    }
    held.append(text);
    marks.repeat(mark, text.length());
    int end = -1;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && (end < 0 || at < end)) {
        end = at;
      }
    }
    if (end >= 0) {
      found = true;
      String before = shown(end);
      shown(held.length());
      return before;
    }
    return shown(held.length() - longestBeginningAtEnd());
  }

  private int longestBeginningAtEnd() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (stop.startsWith(held.substring(held.length() - n))) {
          longest = n;
          break;
        }
      }
    }
    return longest;
  }

  /** Lets go of the first characters and gives those of them that are shown. */
  private String shown(int count) {
    StringBuilder text = new StringBuilder(count);
    for (int i = 0; i < count; i++) {
      if (marks.charAt(i) == SEEN) {
        text.append(held.charAt(i));
      }
    }
    held.delete(0, count);
    marks.delete(0, count);
    return text.toString();
  }

  /** What was held back, once no more text comes. */
  String finish() {
    return shown(held.length());
  }

  boolean isFound() {
    return found;
  }
}
