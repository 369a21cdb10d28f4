package dev.baton.catalog;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** The name somebody probably meant by another. */
public final class NearestName {
  private NearestName() {}

  /**
   * The candidate that, or whose beginning, differs from {@code name} by the fewest edits, if those
   * are at most a third of it.
   */
  public static Optional<String> to(String name, Collection<String> candidates) {
    String typed = name.toLowerCase(Locale.ROOT);
    return candidates.stream()
        .filter(candidate -> distance(typed, candidate) <= typed.length() / 3)
        .min(Comparator.comparingInt(candidate -> distance(typed, candidate)));
  }

  private static int distance(String typed, String candidate) {
    String beginning = candidate.substring(0, Math.min(typed.length(), candidate.length()));
    return typed.length() < 2
        ? Integer.MAX_VALUE
        : Math.min(editDistance(typed, candidate), editDistance(typed, beginning));
  }

  /** Levenshtein's distance: insertions, deletions and replacements of one character. */
  static int editDistance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
