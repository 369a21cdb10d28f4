package dev.baton.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Texts that begin with a dash, which are no options where they have white space in them. */
final class LeadingDash {
  private static final Set<String> COMMANDS = Set.of("run", "tokenize");

  private LeadingDash() {}

  static boolean takesText(CommandLine command) {
    return COMMANDS.contains(command.getCommandName());
  }

  /**
   * The words of a command line, a text that begins with a dash behind {@code --} at its end.
   *
   * @param words the name of a command and what follows
   */
  static String[] toTheEnd(String[] words, CommandLine line) {
    CommandLine command = words.length == 0 ? null : line.getSubcommands().get(words[0]);
    if (command == null || !takesText(command)) {
      return words;
    }
    List<String> rest = new ArrayList<>(List.of(words));
    for (int i = 1; i < words.length && !words[i].equals("--"); i++) {
      if (isText(words[i], command) && !takesValue(words[i - 1], command)) {
        rest.remove(i);
        rest.addAll(List.of("--", words[i]));
        return rest.toArray(String[]::new);
      }
    }
    return words;
  }

  private static boolean isText(String word, CommandLine command) {
    int equals = word.indexOf('=');
    String name = equals < 0 ? word : word.substring(0, equals);
    return word.startsWith("-")
        && word.chars().anyMatch(Character::isWhitespace)
        && option(name, command) == null
        && (word.length() < 2 || option(word.substring(0, 2), command) == null);
  }

  private static boolean takesValue(String word, CommandLine command) {
    OptionSpec option = option(word, command);
    return option != null && option.arity().max() > 0;
  }

  private static @Nullable OptionSpec option(String name, CommandLine command) {
    return command.getCommandSpec().optionsMap().get(name);
  }
}
