package dev.baton.cli;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Holds the numbers of a command line against what their options take. */
public final class Ranges {
  /** Beyond these a bound says nothing that a user would want to read. */
  private static final double NO_BOUND = Integer.MAX_VALUE;

  private Ranges() {}

  /**
   * Checks the options of the command that will run.
   *
   * @throws ParameterException naming the first that is out of its range, and the range
   */
  public static void check(ParseResult parsed) {
    ParseResult command = parsed;
    while (command.hasSubcommand()) {
      command = command.subcommand();
    }
    if (command.isUsageHelpRequested()) {
      return;
    }
    for (OptionSpec option : command.commandSpec().options()) {
      Within range = range(option);
      for (Object value : range == null ? List.of() : values(option.getValue())) {
        if (range != null && value instanceof Number number && !holds(range, number)) {
          throw new ParameterException(
              command.commandSpec().commandLine(),
              option.longestName() + " takes " + words(range, number) + ", not " + number);
        }
      }
    }
  }

  /** The one value of an option, or each of several. */
  private static Collection<?> values(@Nullable Object value) {
    if (value instanceof Collection<?> several) {
      return several;
    }
    if (value != null && value.getClass().isArray()) {
      return IntStream.range(0, Array.getLength(value)).mapToObj(i -> Array.get(value, i)).toList();
    }
    return value == null ? List.of() : List.of(value);
  }

  /** What the option takes; null for one that is no number, or does not say it. */
  public static @Nullable Within range(OptionSpec option) {
    return option.userObject() instanceof AnnotatedElement field
        ? field.getAnnotation(Within.class)
        : null;
  }

  private static boolean holds(Within range, Number number) {
    double value = number.doubleValue();
    return value <= range.most()
        && (Double.isNaN(range.above()) ? value >= range.least() : value > range.above());
  }

  private static String words(Within range, Number number) {
    boolean whole = number instanceof Integer || number instanceof Long;
    String kind = whole ? "a whole number" : "a number";
    boolean bounded = range.most() < NO_BOUND;
    if (!Double.isNaN(range.above())) {
      return kind
          + " above "
          + text(range.above())
          + (bounded ? " and at most " + text(range.most()) : "");
    }
    if (range.least() <= -NO_BOUND) {
      return kind + " that is finite";
    }
    return kind + " from " + text(range.least()) + (bounded ? " to " + text(range.most()) : " on");
  }

  private static String text(double bound) {
    return BigDecimal.valueOf(bound).stripTrailingZeros().toPlainString();
  }
}
