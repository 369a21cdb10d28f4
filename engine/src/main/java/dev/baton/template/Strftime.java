package dev.baton.template;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** Python's {@code strftime} in the C locale. */
final class Strftime {
  private Strftime() {}

  static String of(ZonedDateTime time, String format) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%' || i + 1 == format.length()) {
        out.append(c);
        continue;
      }
      char code = format.charAt(++i);
      boolean bare = code == '-' && i + 1 < format.length();
      if (bare) {
        code = format.charAt(++i);
      }
      String value = value(time, code);
      out.append(bare ? value.replaceFirst("^[0 ]+(?=.)", "") : value);
    }
    return out.toString();
  }

  private static String value(ZonedDateTime time, char code) {
    int hour = time.getHour();
    int weekday = time.getDayOfWeek().getValue() % 7;
    return switch (code) {
      case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
      case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
      case 'b', 'h' -> DateTimeFormatter.ofPattern("MMM", Locale.ENGLISH).format(time);
      case 'B' -> DateTimeFormatter.ofPattern("MMMM", Locale.ENGLISH).format(time);
      case 'd' -> two(time.getDayOfMonth());
      case 'e' -> "%2d".formatted(time.getDayOfMonth());
      case 'm' -> two(time.getMonthValue());
      case 'y' -> two(time.getYear() % 100);
      case 'Y' -> String.valueOf(time.getYear());
      case 'C' -> two(time.getYear() / 100);
      case 'H' -> two(hour);
      case 'k' -> "%2d".formatted(hour);
      case 'I' -> two((hour + 11) % 12 + 1);
      case 'l' -> "%2d".formatted((hour + 11) % 12 + 1);
      case 'p' -> hour < 12 ? "AM" : "PM";
      case 'P' -> hour < 12 ? "am" : "pm";
      case 'M' -> two(time.getMinute());
      case 'S' -> two(time.getSecond());
      case 'f' -> "%06d".formatted(time.getNano() / 1000);
      case 'j' -> "%03d".formatted(time.getDayOfYear());
      case 'w' -> String.valueOf(weekday);
      case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
      case 'U' -> two((time.getDayOfYear() + 6 - weekday) / 7);
      case 'W' -> two((time.getDayOfYear() + 6 - (weekday + 6) % 7) / 7);
      case 'V' -> two(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case 'G' -> String.valueOf(time.get(IsoFields.WEEK_BASED_YEAR));
      case 'c' -> of(time, "%a %b %e %H:%M:%S %Y");
      case 'x', 'D' -> of(time, "%m/%d/%y");
      case 'X', 'T' -> of(time, "%H:%M:%S");
      case 'F' -> of(time, "%Y-%m-%d");
      case 'R' -> of(time, "%H:%M");
      case 'r' -> of(time, "%I:%M:%S %p");
      case 's' -> String.valueOf(time.getLong(ChronoField.INSTANT_SECONDS));
      case 'n' -> "\n";
      case 't' -> "\t";
      case 'z', 'Z' -> ""; // Python's now() has no zone
      case '%' -> "%";
      default -> "%" + code;
    };
  }

  private static String two(int number) {
    return "%02d".formatted(number);
  }
}
