package dev.baton.text;

import java.util.ArrayList;
import java.util.List;

/**
 * A pattern of words in a text, written as a regular expression and matched as those are: the first
 * alternative that matches, each repetition as long as it can be for the rest to match. It works on
 * {@linkplain CharacterClasses classes} instead of characters, takes no stack that grows with the
 * text, and goes back over characters only inside one repetition.
 *
 * <p>There are characters, {@code [sets]} with ranges, {@code ^} and {@code &&[...]}, {@code \p{L}}
 * and the other general categories, {@code \s} (White_Space), {@code \S}, {@code \x{hex}}, {@code
 * (?:groups)}, {@code (?!set)} and {@code (?=set)} for the next character, {@code ?}, {@code *},
 * {@code +}, {@code {m,n}}, {@code $} after a repetition of one set, and {@code {-3}} for one to
 * three so that whole threes are left of a run, once in a list of patterns. What a group has taken
 * it does not give back.
 */
final class WordPattern {
  static final int NO_MATCH = -1;

  private final Step[][] alternatives;

  /** For each class, the alternatives that may begin with it, in their order. */
  private final Step[][][] byFirst;

  WordPattern(List<List<WordPatternParser.Node>> alternatives, CharacterClasses classes) {
    this.alternatives = compile(alternatives, classes);
    byFirst = new Step[classes.size()][][];
    for (int each = 0; each < byFirst.length; each++) {
      List<Step[]> possible = new ArrayList<>();
      for (Step[] alternative : this.alternatives) {
        if ((first(alternative, 0) >>> each & 1) != 0) {
          possible.add(alternative);
        }
      }
      byFirst[each] = possible.toArray(Step[][]::new);
    }
  }

  /** A part of a sequence. */
  private sealed interface Step {
    /** The end of the longest match at {@code at} by itself, or {@link #NO_MATCH}. */
    int end(Text text, int at);

    /** With which classes it may begin. */
    long first();

    boolean mayBeNothing();
  }

  /**
   * Characters of a set.
   *
   * @param keeps whether to give some of them back cannot help what follows
   */
  private record Run(long mask, int min, int max, boolean keeps) implements Step {
    @Override
    public int end(Text text, int at) {
      int end = text.runEnd(mask, at, max);
      boolean lacks = min > 0 && (end == at || (min > 1 && !text.has(mask, at, min)));
      return lacks ? NO_MATCH : end;
    }

    @Override
    public long first() {
      return mask;
    }

    @Override
    public boolean mayBeNothing() {
      return min == 0;
    }
  }

  /** All characters that are left, at least one, are of a set. */
  private record Rest(long mask) implements Step {
    @Override
    public int end(Text text, int at) {
      return text.restIsIn(mask, at) ? text.to : NO_MATCH;
    }

    @Override
    public long first() {
      return mask;
    }

    @Override
    public boolean mayBeNothing() {
      return false;
    }
  }

  /** One to three characters of a set, so that of their run whole threes are left. */
  private record UpToThrees(long mask) implements Step {
    @Override
    public int end(Text text, int at) {
      int left = text.left(mask, at);
      if (left == 0) {
        return NO_MATCH;
      }
      int taken = left % 3 == 0 ? 3 : left % 3;
      int end = text.runEnd(mask, at, taken);
      text.leave(end, left - taken);
      return end;
    }

    @Override
    public long first() {
      return mask;
    }

    @Override
    public boolean mayBeNothing() {
      return false;
    }
  }

  /** The next character is of a set or, if {@code negated}, there is none of it. */
  private record Next(long mask, boolean negated) implements Step {
    @Override
    public int end(Text text, int at) {
      return (at < text.to && text.isIn(mask, at)) == negated ? NO_MATCH : at;
    }

    @Override
    public long first() {
      return 0;
    }

    @Override
    public boolean mayBeNothing() {
      return true;
    }
  }

  private record Group(Step[][] alternatives, int min, int max) implements Step {
    @Override
    public int end(Text text, int from) {
      int at = from;
      for (int times = 0; times < max; times++) {
        int end = NO_MATCH;
        for (int i = 0; i < alternatives.length && end == NO_MATCH; i++) {
          end = WordPattern.end(alternatives[i], 0, text, at);
        }
        if (end == NO_MATCH) {
          return times < min ? NO_MATCH : at;
        }
        if (end == at) {
          return at;
        }
        at = end;
      }
      return at;
    }

    @Override
    public long first() {
      long first = 0;
      for (Step[] alternative : alternatives) {
        first |= WordPattern.first(alternative, 0);
      }
      return first;
    }

    @Override
    public boolean mayBeNothing() {
      return min == 0;
    }
  }

  /** Matches of one text, from left to right. One thread. */
  static final class Text {
    private final byte[] classes;
    private int from;
    private int to;

    /** From where on all is of the mask of a {@link Rest}; negative while not known. */
    private int restFrom;

    /** Where a run goes on that has been counted, and how many characters of it are left. */
    private int countedAt = NO_MATCH;

    private int countedTo;
    private int countedLeft;

    Text(byte[] classes) {
      this.classes = classes;
    }

    /** Matches see only this part. */
    void part(int newFrom, int newTo) {
      from = newFrom;
      to = newTo;
      restFrom = NO_MATCH;
    }

    int after(int at) {
      int next = at + 1;
      return next < to && classes[next] == CharacterClasses.SECOND_HALF ? next + 1 : next;
    }

    private int before(int at) {
      int last = at - 1;
      return classes[last] == CharacterClasses.SECOND_HALF ? last - 1 : last;
    }

    private boolean isIn(long mask, int at) {
      return (mask >>> classes[at] & 1) != 0;
    }

    private boolean restIsIn(long mask, int at) {
      if (restFrom < 0) {
        restFrom = to;
        while (restFrom > from && isIn(mask, restFrom - 1)) {
          restFrom--;
        }
      }
      return at >= restFrom && at < to;
    }

    private boolean has(long mask, int at, int count) {
      int end = at;
      for (int i = 0; i < count; i++) {
        if (end == to || !isIn(mask, end)) {
          return false;
        }
        end = after(end);
      }
      return true;
    }

    /** How many characters of a set follow one another. */
    private int left(long mask, int at) {
      if (at == countedAt && to == countedTo) {
        return countedLeft;
      }
      int left = 0;
      for (int end = at; end < to && isIn(mask, end); end = after(end)) {
        left++;
      }
      return left;
    }

    private void leave(int at, int left) {
      countedAt = at;
      countedTo = to;
      countedLeft = left;
    }

    /** The end of at most {@code max} characters of a set. */
    private int runEnd(long mask, int at, int max) {
      int end = at;
      if (max == Integer.MAX_VALUE) {
        while (end < to && isIn(mask, end)) {
          end++;
        }
        return end;
      }
      for (int i = 0; i < max && end < to && isIn(mask, end); i++) {
        end = after(end);
      }
      return end;
    }
  }

  /** The end of the match at {@code at}, or {@link #NO_MATCH}. */
  int end(Text text, int at) {
    for (Step[] alternative : byFirst[text.classes[at]]) {
      int end = end(alternative, 0, text, at);
      if (end > at) {
        return end;
      }
    }
    return NO_MATCH;
  }

  private static int end(Step[] steps, int first, Text text, int from) {
    int at = from;
    for (int i = first; i < steps.length && at != NO_MATCH; i++) {
      int end = steps[i].end(text, at);
      if (end != NO_MATCH && steps[i] instanceof Run run && !run.keeps) {
        return endGivingBack(run, steps, i + 1, text, at, end);
      }
      at = end;
    }
    return at;
  }

  /** The end of a run and what follows, where the run may have to be shorter than it could be. */
  private static int endGivingBack(
      Run run, Step[] steps, int next, Text text, int from, int longest) {
    int least = run.min == 0 ? from : text.runEnd(run.mask, from, run.min);
    for (int at = longest; at > least; at = text.before(at)) {
      int end = end(steps, next, text, at);
      if (end != NO_MATCH) {
        return end;
      }
    }
    return end(steps, next, text, least);
  }

  private static Step[][] compile(
      List<List<WordPatternParser.Node>> alternatives, CharacterClasses classes) {
    Step[][] compiled = new Step[alternatives.size()][];
    for (int i = 0; i < compiled.length; i++) {
      List<WordPatternParser.Node> nodes = alternatives.get(i);
      compiled[i] = new Step[nodes.size()];
      // What follows tells whether a run has to give back.
      for (int step = nodes.size() - 1; step >= 0; step--) {
        compiled[i][step] = compile(nodes.get(step), classes, compiled[i], step + 1);
      }
    }
    return compiled;
  }

  private static Step compile(
      WordPatternParser.Node node, CharacterClasses classes, Step[] steps, int next) {
    return switch (node) {
      case WordPatternParser.Repeated run -> {
        long mask = classes.mask(run.set());
        boolean keeps = run.min() == run.max() || followsOther(steps, next, mask);
        yield new Run(mask, run.min(), run.max(), keeps);
      }
      case WordPatternParser.ToTheEnd rest -> new Rest(classes.mask(rest.set()));
      case WordPatternParser.UpToThrees threes -> new UpToThrees(classes.mask(threes.set()));
      case WordPatternParser.Followed followed ->
          new Next(classes.mask(followed.set()), followed.negated());
      case WordPatternParser.Grouped group ->
          new Group(compile(group.alternatives(), classes), group.min(), group.max());
    };
  }

  /** Whether what follows begins with none of a set, or may be nothing. */
  private static boolean followsOther(Step[] steps, int index, long mask) {
    for (int i = index; i < steps.length; i++) {
      if (steps[i] instanceof Next) {
        return false;
      }
    }
    return index == steps.length || mayBeNothing(steps, index) || isApart(steps, index, mask);
  }

  private static boolean isApart(Step[] steps, int index, long mask) {
    return (first(steps, index) & mask & ~(1L << CharacterClasses.SECOND_HALF)) == 0;
  }

  private static boolean mayBeNothing(Step[] steps, int index) {
    for (int i = index; i < steps.length; i++) {
      if (!steps[i].mayBeNothing()) {
        return false;
      }
    }
    return true;
  }

  /** With which classes the steps from {@code index} on may begin. */
  private static long first(Step[] steps, int index) {
    long first = 0;
    for (int i = index; i < steps.length; i++) {
      first |= steps[i].first();
      if (!steps[i].mayBeNothing()) {
        return first;
      }
    }
    return first;
  }
}
