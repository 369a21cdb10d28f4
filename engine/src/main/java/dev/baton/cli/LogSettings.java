package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import java.util.logging.LogManager;

/**
 * How Baton's log is written: to stderr, a line each, from a level on. Nothing of it is made before
 * the first line, since a start has no time to spare: the JDK makes this class then.
 */
public final class LogSettings {
  static final String VARIABLE = "BATON_LOG";

  private static final String CLASS_PROPERTY = "java.util.logging.config.class";
  private static final String FILE_PROPERTY = "java.util.logging.config.file";

  /** From which level on there are lines, as the JDK's loggers call them. */
  enum Level {
    OFF("OFF"),
    ERROR("SEVERE"),
    WARNING("WARNING"),
    INFO("INFO"),
    DEBUG("FINE");

    private final String jdkName;

    Level(String jdkName) {
      this.jdkName = jdkName;
    }
  }

  /** For the JDK, which makes one when something is to be logged. */
  public LogSettings() throws IOException {
    Level level = level(System.getenv());
    String settings =
        String.join(
            "\n",
            "handlers=java.util.logging.ConsoleHandler",
            "java.util.logging.ConsoleHandler.level=ALL",
            "java.util.logging.ConsoleHandler.encoding=UTF-8",
            "java.util.logging.ConsoleHandler.formatter=" + LogLine.class.getName(),
            ".level=" + (level == Level.DEBUG ? Level.INFO : level).jdkName,
            "dev.baton.level=" + level.jdkName);
    LogManager.getLogManager()
        .readConfiguration(new ByteArrayInputStream(settings.getBytes(UTF_8)));
  }

  /**
   * Has the JDK use these settings, unless its own properties name others.
   *
   * @throws IllegalArgumentException when the environment names a level that there is not
   */
  static void use(Map<String, String> env) {
    Level _ = level(env);
    if (System.getProperty(CLASS_PROPERTY) == null && System.getProperty(FILE_PROPERTY) == null) {
      System.setProperty(CLASS_PROPERTY, LogSettings.class.getName());
    }
  }

  /** The level that the environment names; warnings where it names none. */
  static Level level(Map<String, String> env) {
    String word = env.getOrDefault(VARIABLE, "").strip();
    if (word.isEmpty()) {
      return Level.WARNING;
    }
    for (Level level : Level.values()) {
      if (level.name().equals(word.toUpperCase(Locale.ROOT))) {
        return level;
      }
    }
    throw new IllegalArgumentException(
        VARIABLE + "=" + word + " is none of off, error, warning, info, debug");
  }
}
