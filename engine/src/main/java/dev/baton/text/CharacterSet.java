package dev.baton.text;

import java.util.List;

/** A set of characters, as a {@link WordPattern} writes one. */
sealed interface CharacterSet {
  boolean contains(int codePoint);

  /** The Unicode property White_Space. */
  static boolean isWhiteSpace(int codePoint) {
    return WhiteSpace.ALL.indexOf(codePoint) >= 0;
  }

  /** Adds to {@code cuts} where, besides at the bounds of a category, membership may change. */
  void addCuts(IdBuffer cuts);

  /** All from {@code first} to {@code last}. */
  record Range(int first, int last) implements CharacterSet {
    @Override
    public boolean contains(int codePoint) {
      return first <= codePoint && codePoint <= last;
    }

    @Override
    public void addCuts(IdBuffer cuts) {
      cuts.add(first);
      cuts.add(last + 1);
    }
  }

  /**
   * Unicode's general categories.
   *
   * @param types a bit for each, numbered as {@link Character#getType} does
   */
  record Category(int types) implements CharacterSet {
    @Override
    public boolean contains(int codePoint) {
      return (types >>> Character.getType(codePoint) & 1) != 0;
    }

    @Override
    public void addCuts(IdBuffer cuts) {}
  }

  /** The property White_Space, which is neither of Java's own two notions of white space. */
  record WhiteSpace() implements CharacterSet {
    private static final String ALL =
        "\t\n\u000B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
            + "\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000";

    @Override
    public boolean contains(int codePoint) {
      return isWhiteSpace(codePoint);
    }

    @Override
    public void addCuts(IdBuffer cuts) {
      for (int i = 0; i < ALL.length(); i++) {
        cuts.add(ALL.charAt(i));
        cuts.add(ALL.charAt(i) + 1);
      }
    }
  }

  /** What is in any of several. */
  record Union(List<CharacterSet> parts) implements CharacterSet {
    @Override
    public boolean contains(int codePoint) {
      for (CharacterSet part : parts) {
        if (part.contains(codePoint)) {
          return true;
        }
      }
      return false;
    }

    @Override
    public void addCuts(IdBuffer cuts) {
      for (CharacterSet part : parts) {
        part.addCuts(cuts);
      }
    }
  }

  /** What is in both of two. */
  record Both(CharacterSet one, CharacterSet other) implements CharacterSet {
    @Override
    public boolean contains(int codePoint) {
      return one.contains(codePoint) && other.contains(codePoint);
    }

    @Override
    public void addCuts(IdBuffer cuts) {
      one.addCuts(cuts);
      other.addCuts(cuts);
    }
  }

  /** What is not in another. */
  record Not(CharacterSet set) implements CharacterSet {
    @Override
    public boolean contains(int codePoint) {
      return !set.contains(codePoint);
    }

    @Override
    public void addCuts(IdBuffer cuts) {
      set.addCuts(cuts);
    }
  }
}
