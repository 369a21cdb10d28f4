package dev.baton.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The methods of Python's {@code str}; what they make of marked text is marked. */
final class StringMethods {
  private static final Set<String> NAMES =
      Set.of(
          "capitalize",
          "casefold",
          "center",
          "count",
          "encode",
          "endswith",
          "expandtabs",
          "find",
          "format",
          "maketrans",
          "translate",
          "format_map",
          "index",
          "isalnum",
          "isalpha",
          "isascii",
          "isdecimal",
          "isdigit",
          "isidentifier",
          "islower",
          "isnumeric",
          "isprintable",
          "isspace",
          "istitle",
          "isupper",
          "join",
          "ljust",
          "lower",
          "lstrip",
          "partition",
          "removeprefix",
          "removesuffix",
          "replace",
          "rfind",
          "rindex",
          "rjust",
          "rpartition",
          "rsplit",
          "rstrip",
          "split",
          "splitlines",
          "startswith",
          "strip",
          "swapcase",
          "title",
          "upper",
          "zfill");

  private StringMethods() {}

  static boolean isKnown(String name) {
    return NAMES.contains(name);
  }

  static Object call(Text text, String name, Arguments given) {
    return switch (name) {
      case "capitalize", "casefold", "lower", "swapcase", "title", "upper" -> {
        given.bind(name);
        yield cased(text, name);
      }
      case "strip", "lstrip", "rstrip" -> {
        Arguments.Bound of = given.bind(name, "chars=");
        Text chars = of.isGiven(0) ? Values.text(of.get(0), name) : null;
        yield switch (name) {
          case "strip" -> Strip.both(text, chars);
          case "lstrip" -> Strip.start(text, chars);
          default -> Strip.end(text, chars);
        };
      }
      case "split", "rsplit" -> {
        Arguments.Bound of = given.bind(name, "sep=", "maxsplit=");
        Text separator = of.isGiven(0) ? Values.text(of.get(0), name) : null;
        yield Sequence.list(
            Splitting.split(text, separator, Values.index(of.get(1, -1L)), name.equals("rsplit")));
      }
      case "splitlines" -> {
        boolean keeps = given.bind(name, "keepends=").truth(0);
        yield Sequence.list(new ArrayList<>(lines(text, keeps)));
      }
      case "partition", "rpartition" -> {
        Text separator = Values.text(given.bind(name, "sep").get(0), name);
        yield Splitting.partition(text, separator, name.equals("rpartition"));
      }
      case "startswith", "endswith" -> isAtEnd(text, name, given);
      case "find", "rfind", "index", "rindex", "count" -> found(text, name, given);
      case "replace" -> {
        Arguments.Bound of = given.bind(name, "old", "new", "count=");
        yield replaced(
            text,
            Values.text(of.get(0), name),
            Values.text(of.get(1), name),
            Values.index(of.get(2, -1L)));
      }
      case "removeprefix" -> {
        Text prefix = Values.text(given.bind(name, "prefix").get(0), name);
        int from = text.chars().startsWith(prefix.chars()) ? prefix.chars().length() : 0;
        yield text.part(from, text.chars().length());
      }
      case "removesuffix" -> {
        Text suffix = Values.text(given.bind(name, "suffix").get(0), name);
        boolean is = text.chars().endsWith(suffix.chars());
        yield text.part(0, text.chars().length() - (is ? suffix.chars().length() : 0));
      }
      case "join" -> joined(text, given);
      case "center", "ljust", "rjust" -> padded(text, name, given);
      case "zfill" -> Padding.zeros(text, Values.index(given.bind(name, "width").get(0)));
      case "expandtabs" -> expanded(text, Values.index(given.bind(name, "tabsize=").get(0, 8L)));
      case "encode", "maketrans", "translate" ->
          throw new TemplateException("calls '" + name + "' of a str, which is not supported");
      case "format" -> BraceFormat.of(text, given);
      case "format_map" -> {
        if (!(given.bind(name, "mapping").get(0) instanceof Dict dict)) {
          throw new TemplateException("format_map() takes a mapping");
        }
        yield BraceFormat.of(text, dict);
      }
      default -> {
        given.bind(name);
        yield CharacterTests.is(name, text);
      }
    };
  }

  private static Text cased(Text text, String name) {
    return switch (name) {
      case "capitalize" -> Caseless.capitalized(text);
      case "swapcase" -> Caseless.swapped(text);
      case "title" -> Caseless.titled(text);
      case "upper" -> Caseless.upper(text);
      case "casefold" -> Caseless.map(text, run -> Caseless.lower(run.replace("ß", "ss")));
      default -> Caseless.lower(text);
    };
  }

  /** The part that optional bounds name, in UTF-16; null where it begins behind the end. */
  private static int @Nullable [] bounds(Text text, Arguments.Bound of) {
    int size = text.length();
    int from = of.isGiven(1) ? place(Values.index(of.get(1)), size) : 0;
    int to = of.isGiven(2) ? place(Values.index(of.get(2)), size) : size;
    if (from > Math.min(to, size)) {
      return null;
    }
    return new int[] {text.unit(from), text.unit(Math.min(to, size))};
  }

  private static int place(int at, int size) {
    return Math.max(0, at < 0 ? at + size : at);
  }

  private static Object isAtEnd(Text text, String name, Arguments given) {
    Arguments.Bound of = given.bind(name, "prefix", "start=", "end=");
    int[] bounds = bounds(text, of);
    Object looked = of.get(0);
    List<Object> wanted =
        looked instanceof Sequence tuple && tuple.isTuple() ? tuple.items() : List.of(looked);
    for (Object each : wanted) {
      if (!(each instanceof Text part)) {
        Values.defined(each);
        throw new TemplateException(
            name + " first arg must be str or a tuple of str, not " + Values.typeName(each));
      }
      if (bounds != null) {
        String searched = text.chars().substring(bounds[0], bounds[1]);
        boolean is =
            name.equals("startswith")
                ? searched.startsWith(part.chars())
                : searched.endsWith(part.chars());
        if (is) {
          return true;
        }
      }
    }
    return false;
  }

  private static Object found(Text text, String name, Arguments given) {
    Arguments.Bound of = given.bind(name, "sub", "start=", "end=");
    String part = Values.text(of.get(0), name).chars();
    int[] bounds = bounds(text, of);
    if (name.equals("count")) {
      return bounds == null ? 0L : count(text, part, bounds);
    }
    int at = -1;
    if (bounds != null) {
      String searched = text.chars().substring(bounds[0], bounds[1]);
      int found = name.startsWith("r") ? searched.lastIndexOf(part) : searched.indexOf(part);
      at = found < 0 ? -1 : text.character(bounds[0] + found);
    }
    if (at < 0 && name.endsWith("index")) {
      throw new TemplateException("substring not found");
    }
    return (long) at;
  }

  private static long count(Text text, String part, int[] bounds) {
    String searched = text.chars().substring(bounds[0], bounds[1]);
    if (part.isEmpty()) {
      return searched.codePointCount(0, searched.length()) + 1L;
    }
    long count = 0;
    for (int at = searched.indexOf(part); at >= 0; count++) {
      at = searched.indexOf(part, at + part.length());
    }
    return count;
  }

  static Text replaced(Text text, Text old, Text by, int most) {
    TextBuilder out = new TextBuilder();
    String chars = text.chars();
    int left = most < 0 ? Integer.MAX_VALUE : most;
    int at = 0;
    if (old.isEmpty()) {
      while (at < chars.length() && left-- > 0) {
        int end = at + Character.charCount(chars.codePointAt(at));
        out.append(by).append(text, at, end);
        at = end;
      }
      if (at == chars.length() && left > 0) {
        out.append(by);
      }
      return out.append(text, at, chars.length()).text().asSafe(text.safe());
    }
    for (int found = chars.indexOf(old.chars()); found >= 0 && left-- > 0; ) {
      out.append(text, at, found).append(by);
      at = found + old.chars().length();
      found = chars.indexOf(old.chars(), at);
    }
    return out.append(text, at, chars.length()).text().asSafe(text.safe());
  }

  /** The lines, by all that Python ends lines at. */
  static List<Text> lines(Text text, boolean keepsEnds) {
    List<Text> lines = new ArrayList<>();
    String chars = text.chars();
    int from = 0;
    for (int at = 0; at < chars.length(); at++) {
      char c = chars.charAt(at);
      if (isLineEnd(c)) {
        boolean pair = c == '\r' && at + 1 < chars.length() && chars.charAt(at + 1) == '\n';
        int end = at + (pair ? 2 : 1);
        lines.add(text.part(from, keepsEnds ? end : at));
        from = end;
        at = end - 1;
      }
    }
    if (from < chars.length()) {
      lines.add(text.part(from, chars.length()));
    }
    return lines;
  }

  private static boolean isLineEnd(char c) {
    return switch (c) {
      case '\n', '\r', 0x0B, '\f', 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029 -> true;
      default -> false;
    };
  }

  private static Object joined(Text separator, Arguments given) {
    Object value = given.bind("join", "iterable").get(0);
    TextBuilder out = new TextBuilder();
    int place = 0;
    for (Object item : Values.list(value)) {
      if (!(item instanceof Text text)) {
        throw new TemplateException(
            "sequence item "
                + place
                + ": expected str instance, "
                + Values.typeName(item)
                + " found");
      }
      if (place++ > 0) {
        out.append(separator);
      }
      out.append(separator.safe() ? Html.escape(text) : text);
    }
    return out.text().asSafe(separator.safe());
  }

  private static Object padded(Text text, String name, Arguments given) {
    Arguments.Bound of = given.bind(name, "width", "fillchar=");
    int width = Values.index(of.get(0));
    Text fill = Values.text(of.get(1, Text.of(" ")), name);
    if (fill.length() != 1) {
      throw new TemplateException("The fill character must be exactly one character long");
    }
    return switch (name) {
      case "center" -> Padding.centered(text, width, fill.chars());
      case "ljust" -> Padding.left(text, width, fill.chars());
      default -> Padding.right(text, width, fill.chars());
    };
  }

  private static Object expanded(Text text, int size) {
    TextBuilder out = new TextBuilder();
    int column = 0;
    String chars = text.chars();
    for (int at = 0; at < chars.length(); ) {
      int end = at + Character.charCount(chars.codePointAt(at));
      char c = chars.charAt(at);
      if (c == '\t') {
        int spaces = size <= 0 ? 0 : size - column % size;
        out.append(new TextBuilder().repeat(Text.of(" ", text.isMarkedAt(at)), spaces).text());
        column += spaces;
      } else {
        out.append(text, at, end);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
      at = end;
    }
    return out.text().asSafe(text.safe());
  }

  /** Ways to cut a text. */
  private static final class Splitting {
    private Splitting() {}

    static List<Object> split(Text text, @Nullable Text separator, int most, boolean fromEnd) {
      int left = most < 0 ? Integer.MAX_VALUE : most;
      if (separator == null) {
        return fromEnd ? wordsFromEnd(text, left) : words(text, left);
      }
      if (separator.isEmpty()) {
        throw new TemplateException("empty separator");
      }
      return fromEnd
          ? partsFromEnd(text, separator.chars(), left)
          : parts(text, separator.chars(), left);
    }

    private static List<Object> parts(Text text, String separator, int most) {
      List<Object> parts = new ArrayList<>();
      int from = 0;
      int left = most;
      for (int at = text.chars().indexOf(separator); at >= 0 && left-- > 0; ) {
        parts.add(text.part(from, at));
        from = at + separator.length();
        at = text.chars().indexOf(separator, from);
      }
      parts.add(text.part(from, text.chars().length()));
      return parts;
    }

    private static List<Object> partsFromEnd(Text text, String separator, int most) {
      List<Object> parts = new ArrayList<>();
      int to = text.chars().length();
      int left = most;
      while (left-- > 0) {
        int at = text.chars().lastIndexOf(separator, to - separator.length());
        if (at < 0 || to < separator.length()) {
          break;
        }
        parts.add(text.part(at + separator.length(), to));
        to = at;
      }
      parts.add(text.part(0, to));
      Collections.reverse(parts);
      return parts;
    }

    private static List<Object> words(Text text, int most) {
      List<Object> words = new ArrayList<>();
      Text rest = Strip.start(text, null);
      int left = most;
      while (!rest.isEmpty() && left-- > 0) {
        int end = 0;
        while (end < rest.chars().length() && !Strip.isSpace(rest.chars().charAt(end))) {
          end++;
        }
        words.add(rest.part(0, end));
        rest = Strip.start(rest.part(end, rest.chars().length()), null);
      }
      if (!rest.isEmpty()) {
        words.add(rest);
      }
      return words;
    }

    private static List<Object> wordsFromEnd(Text text, int most) {
      List<Object> words = new ArrayList<>();
      Text rest = Strip.end(text, null);
      int left = most;
      while (!rest.isEmpty() && left-- > 0) {
        int from = rest.chars().length();
        while (from > 0 && !Strip.isSpace(rest.chars().charAt(from - 1))) {
          from--;
        }
        words.add(rest.part(from, rest.chars().length()));
        rest = Strip.end(rest.part(0, from), null);
      }
      if (!rest.isEmpty()) {
        words.add(rest);
      }
      Collections.reverse(words);
      return words;
    }

    static Object partition(Text text, Text separator, boolean fromEnd) {
      String cut = separator.chars();
      if (cut.isEmpty()) {
        throw new TemplateException("empty separator");
      }
      int at = fromEnd ? text.chars().lastIndexOf(cut) : text.chars().indexOf(cut);
      if (at < 0) {
        return fromEnd
            ? Sequence.tuple(Text.EMPTY, Text.EMPTY, text)
            : Sequence.tuple(text, Text.EMPTY, Text.EMPTY);
      }
      return Sequence.tuple(
          text.part(0, at),
          text.part(at, at + cut.length()),
          text.part(at + cut.length(), text.chars().length()));
    }
  }
}
