package dev.baton;

import java.util.List;

/** Holds back the end of a text while it may be the beginning of a stop text. One thread. */
final class StopTexts {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  StopTexts(List<String> stops) {
    this.stops = stops;
  }

  /** Takes more text and gives what is certainly part of the answer. */
  String pass(String text) {
    if (stops.isEmpty() || found) {
      return found ? "" : text;
    }
    held.append(text);
    int end = -1;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && (end < 0 || at < end)) {
        end = at;
      }
    }
    if (end >= 0) {
      found = true;
      String before = held.substring(0, end);
      held.setLength(0);
      return before;
    }
    int keep = longestBeginningAtEnd();
    String certain = held.substring(0, held.length() - keep);
    held.delete(0, held.length() - keep);
    return certain;
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

  /** What was held back, once no more text comes. */
  String finish() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }

  boolean isFound() {
    return found;
  }
}
