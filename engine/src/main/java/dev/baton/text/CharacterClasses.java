package dev.baton.text;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The coarsest classes of characters that some sets do not tell apart, numbered, so that a set is a
 * mask of classes and a test for membership one shift. Immutable; any thread.
 */
final class CharacterClasses {
  /** The class of a char that is the second half of a character; in every mask. */
  static final byte SECOND_HALF = 63;

  private static final int PAGE = 256;
  private static final int CODE_POINTS = Character.MAX_CODE_POINT + 1;

  /**
   * From where to where characters have been given out, since a look at all that could be takes
   * long: planes 0 to 3, tags and variation selectors, and the planes for private use.
   */
  private static final int[] STRETCHES = {
    0, 0x34000, 0xE0000, 0xE0200, 0xF0000, 0xF0001, 0xFFFFE, 0xFFFFF, 0x100000, 0x100001, 0x10FFFE,
    0x10FFFF
  };

  /** Where the general category changes. */
  private static final int[] CATEGORY_STARTS = categoryStarts();

  private final byte[][] pages = new byte[CODE_POINTS / PAGE][];
  private final byte[] basic = new byte[0x10000];
  private final Map<String, Long> masks = new HashMap<>();
  private final int size;

  /**
   * @param sets at most 64 by their names, with fewer than 64 classes between them
   */
  CharacterClasses(Map<String, CharacterSet> sets) {
    CharacterSet[] all = sets.values().toArray(CharacterSet[]::new);
    Map<Long, Byte> numbers = new HashMap<>();
    int[] starts = starts(all);
    for (int i = 0; i < starts.length; i++) {
      int end = i + 1 < starts.length ? starts[i + 1] : CODE_POINTS;
      if (starts[i] < end) {
        long memberships = memberships(all, starts[i]);
        numbers.putIfAbsent(memberships, (byte) numbers.size());
        fill(starts[i], end, numbers.get(memberships));
      }
    }
    size = numbers.size();
    if (size > SECOND_HALF || all.length > Long.SIZE) {
      throw new IllegalArgumentException(size + " classes of " + all.length + " sets");
    }
    int set = 0;
    for (String name : sets.keySet()) {
      long mask = 1L << SECOND_HALF;
      for (Map.Entry<Long, Byte> each : numbers.entrySet()) {
        mask |= (each.getKey() >>> set & 1) << each.getValue();
      }
      masks.put(name, mask);
      set++;
    }
    for (int c = 0; c < basic.length; c++) {
      basic[c] = pages[c / PAGE][c % PAGE];
    }
  }

  /** A bit for each set that a character is in. */
  private static long memberships(CharacterSet[] sets, int codePoint) {
    long memberships = 0;
    for (int set = 0; set < sets.length; set++) {
      memberships |= sets[set].contains(codePoint) ? 1L << set : 0;
    }
    return memberships;
  }

  /** Where in the order of code points membership of any set may change; some twice. */
  private static int[] starts(CharacterSet[] sets) {
    IdBuffer starts = new IdBuffer();
    for (CharacterSet set : sets) {
      set.addCuts(starts);
    }
    for (int start : CATEGORY_STARTS) {
      starts.add(start);
    }
    int[] sorted = starts.toArray();
    Arrays.sort(sorted);
    return sorted;
  }

  private static int[] categoryStarts() {
    IdBuffer starts = new IdBuffer();
    for (int stretch = 0; stretch < STRETCHES.length; stretch += 2) {
      int type = -1;
      for (int codePoint = STRETCHES[stretch]; codePoint < STRETCHES[stretch + 1]; codePoint++) {
        int own = Character.getType(codePoint);
        if (own != type) {
          type = own;
          starts.add(codePoint);
        }
      }
      starts.add(STRETCHES[stretch + 1]);
    }
    return starts.toArray();
  }

  private void fill(int from, int to, byte number) {
    byte[] whole = null;
    for (int at = from; at < to; ) {
      int page = at / PAGE;
      int end = Math.min(to, (page + 1) * PAGE);
      if (end - at == PAGE) {
        if (whole == null) {
          whole = new byte[PAGE];
          Arrays.fill(whole, number);
        }
        pages[page] = whole;
      } else {
        if (at % PAGE == 0) {
          pages[page] = new byte[PAGE];
        }
        Arrays.fill(pages[page], at % PAGE, at % PAGE + end - at, number);
      }
      at = end;
    }
  }

  int size() {
    return size;
  }

  /** A bit for each class that is in a set, one of those given at the beginning. */
  long mask(String set) {
    Long mask = masks.get(set);
    if (mask == null) {
      throw new IllegalArgumentException("no set of these: " + set);
    }
    return mask;
  }

  /** The class of each char of {@code text[from, to)}, which holds whole characters. */
  byte[] of(String text, int from, int to) {
    byte[] classes = new byte[to - from];
    for (int i = 0; i < classes.length; i++) {
      char c = text.charAt(from + i);
      if (Character.isHighSurrogate(c)) {
        int codePoint = text.codePointAt(from + i);
        classes[i++] = pages[codePoint / PAGE][codePoint % PAGE];
        classes[i] = SECOND_HALF;
      } else {
        classes[i] = basic[c];
      }
    }
    return classes;
  }
}
