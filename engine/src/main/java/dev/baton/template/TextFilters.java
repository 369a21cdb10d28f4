package dev.baton.template;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Filters that make text of a value's text. */
final class TextFilters {
  private static final Pattern WORD = Pattern.compile("\\w++", Pattern.UNICODE_CHARACTER_CLASS);
  private static final String WORD_BREAKS = "-([{<";

  private TextFilters() {}

  static Object filter(String name, Object value, Arguments given) {
    Text text = value instanceof Text own ? own : Shown.str(value);
    return switch (name) {
      case "string" -> only(text, given, name);
      case "safe" -> only(text, given, name).asSafe(true);
      case "e", "escape" -> Html.escape(only(text, given, name));
      case "forceescape" -> Html.escape(only(text, given, name).asSafe(false));
      case "upper" -> Caseless.upper(only(text, given, name));
      case "lower" -> Caseless.lower(only(text, given, name));
      case "capitalize" -> Caseless.capitalized(only(text, given, name));
      case "title" -> titled(only(text, given, name));
      case "trim" -> {
        Arguments.Bound of = given.bind(name, "chars=");
        yield Strip.both(text, of.isGiven(0) ? Values.text(of.get(0), name) : null);
      }
      case "replace" -> {
        Arguments.Bound of = given.bind(name, "old", "new", "count=");
        int count = of.isGiven(2) ? Values.index(of.get(2)) : -1;
        yield StringMethods.replaced(
            text.asSafe(false), Shown.str(of.get(0)), Shown.str(of.get(1)), count);
      }
      case "center" ->
          Padding.centered(text, Values.index(given.bind(name, "width=").get(0, 80L)), " ");
      case "format" -> {
        if (!given.positional().isEmpty() && !given.named().isEmpty()) {
          throw new TemplateException(
              "can't handle positional and keyword arguments at the same time");
        }
        yield PercentFormat.of(
            text,
            given.named().isEmpty() ? Sequence.tuple(given.positional()) : Dict.of(given.named()));
      }
      case "indent" -> indented(value, given);
      case "truncate" -> truncated(value, given);
      case "wordcount" -> {
        Matcher words = WORD.matcher(only(text, given, name).chars());
        yield words.results().count();
      }
      case "striptags" -> stripped(only(text, given, name));
      case "urlencode" -> encoded(value, given);
      default -> throw new TemplateException("No filter named '" + name + "'.");
    };
  }

  private static Text only(Text text, Arguments given, String name) {
    given.bind(name);
    return text;
  }

  /** Each word's first letter large, the others small; words begin behind space and brackets. */
  private static Text titled(Text text) {
    TextBuilder titled = new TextBuilder();
    boolean begins = true;
    String chars = text.chars();
    for (int at = 0; at < chars.length(); ) {
      int code = chars.codePointAt(at);
      int end = at + Character.charCount(code);
      Text character = text.part(at, end).asSafe(false);
      boolean isBreak = Strip.isSpace(code) || WORD_BREAKS.indexOf(code) >= 0;
      titled.append(begins && !isBreak ? Caseless.upper(character) : Caseless.lower(character));
      begins = isBreak;
      at = end;
    }
    return titled.text();
  }

  private static Object indented(Object value, Arguments given) {
    Arguments.Bound of = given.bind("indent", "width=", "first=", "blank=");
    Object width = of.get(0, 4L);
    Text by =
        width instanceof Text own
            ? own
            : new TextBuilder().repeat(Text.of(" "), Values.index(width)).text();
    if (!(value instanceof Text text)) {
      Values.defined(value);
      throw new TemplateException(
          "unsupported operand type(s) for +=: '" + Values.typeName(value) + "' and 'str'");
    }
    List<Text> lines = StringMethods.lines(text.plus(Text.of("\n")), false);
    TextBuilder out = new TextBuilder();
    if (of.truth(1)) {
      out.append(by);
    }
    for (int i = 0; i < lines.size(); i++) {
      if (i > 0) {
        out.append("\n");
        if (of.truth(2) || !lines.get(i).isEmpty()) {
          out.append(by);
        }
      }
      out.append(lines.get(i));
    }
    return out.text().asSafe(text.safe());
  }

  private static Object truncated(Object value, Arguments given) {
    Arguments.Bound of = given.bind("truncate", "length=", "killwords=", "end=", "leeway=");
    int most = Values.index(of.get(0, 255L));
    Text end = Values.text(of.get(2, Text.of("...")), "truncate");
    int leeway = of.isGiven(3) ? Values.index(of.get(3)) : 5;
    if (most < end.length() || leeway < 0) {
      throw new TemplateException("expected length >= " + end.length() + ", got " + most);
    }
    if (Values.length(value) <= (long) most + leeway) {
      return value;
    }
    Text text = Values.text(value, "truncate");
    Text cut = text.part(0, text.unit(most - end.length()));
    int space = of.truth(1) ? -1 : cut.chars().lastIndexOf(' ');
    return (space < 0 ? cut : cut.part(0, space)).plus(end);
  }

  private static Text stripped(Text text) {
    StringBuilder kept = new StringBuilder(text.chars());
    boolean marked = text.hasMarks();
    for (String[] tag : new String[][] {{"<!--", "-->"}, {"<", ">"}}) {
      for (int from = kept.indexOf(tag[0]); from >= 0; from = kept.indexOf(tag[0], from)) {
        int to = kept.indexOf(tag[1], from);
        if (to < 0) {
          break;
        }
        kept.delete(from, to + tag[1].length());
      }
    }
    String spaced = WHITE_SPACE.matcher(kept).replaceAll(" ");
    String plain =
        Strip.both(spaced)
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#34;", "\"")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&");
    return Text.of(plain, marked);
  }

  private static final Pattern WHITE_SPACE =
      Pattern.compile("\\s++", Pattern.UNICODE_CHARACTER_CLASS);

  private static Object encoded(Object value, Arguments given) {
    given.bind("urlencode");
    if (value instanceof Text || Values.iterator(value) == null) {
      return encoded(Shown.str(value), "/");
    }
    List<Object> items = value instanceof Dict dict ? dict.items() : Values.list(value);
    TextBuilder out = new TextBuilder();
    for (Object item : items) {
      List<Object> pair = Values.list(item);
      if (pair.size() != 2) {
        throw new TemplateException("too many values to unpack (expected 2)");
      }
      out.append(out.length() == 0 ? "" : "&");
      out.append(formEncoded(pair.get(0))).append("=").append(formEncoded(pair.get(1)));
    }
    return out.text();
  }

  private static Text formEncoded(Object value) {
    return StringMethods.replaced(encoded(Shown.str(value), ""), Text.of("%20"), Text.of("+"), -1);
  }

  private static Text encoded(Text text, String also) {
    return Caseless.map(text, run -> encodedRun(run, also)).asSafe(false);
  }

  private static String encodedRun(String text, String also) {
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xFF);
      boolean plain =
          (c >= '0' && c <= '9')
              || (c >= 'A' && c <= 'Z')
              || (c >= 'a' && c <= 'z')
              || "_.-~".indexOf(c) >= 0
              || also.indexOf(c) >= 0;
      out.append(plain ? String.valueOf(c) : "%%%02X".formatted((int) c));
    }
    return out.toString();
  }
}
