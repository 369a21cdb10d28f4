package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.catalog.FileName;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Help.Ansi;

/**
 * Where a command reads and writes: UTF-8 whatever the locale says.
 *
 * @param in what is piped in
 * @param out the command's result
 * @param err everything else
 * @param outIsTerminal whether a person sees {@code out}
 * @param errIsTerminal whether a person sees {@code err}
 * @param env the environment
 */
record Terminal(
    InputStream in,
    OutputStream out,
    PrintStream err,
    boolean outIsTerminal,
    boolean errIsTerminal,
    Map<String, String> env) {

  /**
   * Set by the launcher, which can ask the system: which of stdout (1) and stderr (2) are
   * terminals, e.g. {@code 12}.
   */
  private static final String TERMINALS_PROPERTY = "baton.terminals";

  static Terminal ofThisProcess() {
    String terminals = System.getProperty(TERMINALS_PROPERTY, "");
    StandardFiles files = StandardFiles.ofThisProcess();
    return new Terminal(
        files.in(),
        files.out(),
        new PrintStream(files.err(), true, UTF_8),
        terminals.contains("1"),
        terminals.contains("2"),
        System.getenv());
  }

  /** Writes a part of the result at once. */
  void print(String text) {
    try {
      out.write(text.getBytes(UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new OutputException(e);
    }
  }

  /** Writes a line of the result. */
  void println(String line) {
    print(line + "\n");
  }

  /** Writes an error, one line. */
  void complain(String line) {
    err.println(errorAnsi().string("@|bold,red baton:|@ ") + line);
  }

  /** Writes a note, one line. */
  void note(String line) {
    err.println("baton: " + Failure.oneLine(line));
  }

  /** Colours for what goes to {@code out}. */
  Ansi ansi() {
    return outIsTerminal && coloursWanted() ? Ansi.ON : Ansi.OFF;
  }

  /** Colours for what goes to {@code err}. */
  Ansi errorAnsi() {
    return errIsTerminal && coloursWanted() ? Ansi.ON : Ansi.OFF;
  }

  private boolean coloursWanted() {
    return env.getOrDefault("NO_COLOR", "").isEmpty() && !"dumb".equals(env.get("TERM"));
  }

  PrintWriter outWriter() {
    return new PrintWriter(new OutputStreamWriter(out, UTF_8), true);
  }

  PrintWriter errWriter() {
    return new PrintWriter(new OutputStreamWriter(err, UTF_8), true);
  }

  /** The whole of what is piped in, less one line end at its end. */
  String readAll() {
    try {
      return withoutLineEnd(new String(in.readAllBytes(), UTF_8));
    } catch (IOException e) {
      throw new UserException(
          "cannot read standard input: "
              + Failure.reason(e)
              + "; give a text instead of -, or pipe one in",
          e);
    }
  }

  /** A text less one line end at its end, as editors and shells put one there. */
  static String withoutLineEnd(String text) {
    return text.endsWith("\n")
        ? text.substring(0, text.length() - (text.endsWith("\r\n") ? 2 : 1))
        : text;
  }

  /** Every byte of a text file, or of what is piped in where it is {@code -}. */
  String textOfFile(String file) {
    try {
      return "-".equals(file)
          ? UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString()
          : Files.readString(Path.of(file));
    } catch (InvalidPathException e) {
      throw new UserException(FileName.misfit(file), e);
    } catch (IOException e) {
      throw new UserException(
          "cannot read "
              + ("-".equals(file) ? "standard input" : file)
              + " as UTF-8 text ("
              + Failure.reason(e)
              + "); give a text file, or - for stdin",
          e);
    }
  }

  /** The text itself, or what is piped in where it is {@code -}. */
  String textOrInput(String text) {
    return "-".equals(text) ? readAll() : text;
  }
}
