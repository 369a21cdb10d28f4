package dev.baton.cli;

import dev.baton.BatonException;
import dev.baton.calibrate.CalibrationException;
import dev.baton.catalog.CatalogException;
import dev.baton.catalog.FileName;
import dev.baton.cluster.ClusterException;
import dev.baton.ggml.GgmlException;
import dev.baton.gguf.GgufException;
import dev.baton.journal.JournalException;
import dev.baton.kvstream.StreamException;
import dev.baton.model.ModelException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;

/** Says why a command failed, in one line, and gives the exit code. */
final class Failure {
  private static final String TRACE = "BATON_TRACE";

  private Failure() {}

  static int report(Throwable failure, Terminal terminal) {
    if (failure instanceof OutputException output && output.isReaderGone()) {
      return BatonCli.DONE;
    }
    boolean trace = !terminal.env().getOrDefault(TRACE, "").isEmpty();
    terminal.complain(
        line(failure)
            + (isKnown(failure) || trace ? "" : " (set " + TRACE + "=1 for the stack trace)"));
    if (trace) {
      failure.printStackTrace(terminal.err());
    }
    return failure instanceof IllegalArgumentException ? BatonCli.WRONG_USAGE : BatonCli.FAILED;
  }

  private static String line(Throwable failure) {
    return switch (failure) {
      case OutputException e -> "cannot write the result: " + oneLine(e.getMessage());
      case OutOfMemoryError e ->
          "out of memory ("
              + oneLine(e.getMessage())
              + "); use a smaller model, or give the JVM more: BATON_JAVA_OPTS=-Xmx8g";
      case InterruptedException _ -> "interrupted";
      case InvalidPathException e -> FileName.misfit(e.getInput());
      default ->
          isKnown(failure)
              ? oneLine(failure.getMessage())
              : "internal error: " + oneLine(failure.toString());
    };
  }

  /**
   * Whether the message was written for the user. An {@link IllegalArgumentException} is one of an
   * option's value.
   */
  private static boolean isKnown(Throwable failure) {
    return failure instanceof BatonException
        || failure instanceof CalibrationException
        || failure instanceof CatalogException
        || failure instanceof ClusterException
        || failure instanceof GgmlException
        || failure instanceof GgufException
        || failure instanceof JournalException
        || failure instanceof ModelException
        || failure instanceof StreamException
        || failure instanceof UserException
        || failure instanceof OutputException
        || failure instanceof OutOfMemoryError
        || failure instanceof InterruptedException
        || failure instanceof IllegalArgumentException;
  }

  /** Why a file could not be read or written, in a few words. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "it does not exist";
      case AccessDeniedException _ -> "permission denied";
      case CharacterCodingException _ -> "it holds other bytes";
      default -> oneLine(e.getMessage());
    };
  }

  /** A message as one line; parts that look like control characters do not reach a terminal. */
  static String oneLine(@Nullable String message) {
    if (message == null) {
      return "no message";
    }
    return message.strip().replaceAll("\\R\\s*", "; ").replaceAll("\\p{Cntrl}", "?");
  }
}
