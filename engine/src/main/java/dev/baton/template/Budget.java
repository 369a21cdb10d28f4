package dev.baton.template;

import java.util.Iterator;

/** What one rendering may take, so that no template and no conversation holds a thread up. */
final class Budget {
  static final int MOST_CHARACTERS = 32 << 20;
  static final int MOST_ITEMS = 1 << 20;
  private static final long MOST_STEPS = 20_000_000;
  private static final long MOST_WRITTEN = 256L << 20;
  private static final int MOST_DEPTH = 400;

  private static final ScopedValue<Budget> CURRENT = ScopedValue.newInstance();

  private long steps;
  private long characters;
  private int depth;

  /** Runs what is charged for here. */
  Text around(ScopedValue.CallableOp<Text, TemplateException> action) {
    return ScopedValue.where(CURRENT, this).call(action);
  }

  /** Counts work on the present rendering, which is nobody's outside one. */
  static void charge(long steps) {
    if (CURRENT.isBound()) {
      CURRENT.get().steps(steps);
    }
  }

  /** Counts what is gone through to look at a value. */
  void look(Object value) {
    if (value instanceof Text text) {
      steps(text.chars().length() >> 8);
    }
  }

  void step() {
    steps(1);
  }

  void steps(long count) {
    steps += count;
    if (steps > MOST_STEPS) {
      throw new TemplateException("takes too many steps");
    }
  }

  /** Counts a value that was made. */
  Object made(Object value) {
    if (value instanceof Text text) {
      characters += text.chars().length();
      if (characters > MOST_WRITTEN) {
        throw new TemplateException("writes too much");
      }
    } else if (value instanceof Sequence sequence) {
      steps(sequence.size());
    }
    return value;
  }

  void enter() {
    if (++depth > MOST_DEPTH) {
      throw new TemplateException("is nested too deep");
    }
  }

  void leave() {
    depth--;
  }

  /** The same items, each of which is a step. */
  Iterator<Object> counted(Iterator<Object> items) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return items.hasNext();
      }

      @Override
      public Object next() {
        step();
        return items.next();
      }
    };
  }
}
