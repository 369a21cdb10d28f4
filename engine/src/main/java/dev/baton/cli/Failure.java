package dev.baton.cli;

import dev.baton.catalog.FileName;
import dev.baton.failure.ExplainedException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import org.jspecify.annotations.Nullable;

/** Says why a command failed, in one line, and gives the exit code. */
final class Failure {
  static final String TRACE = "BATON_TRACE";

  /** Enough for every model; less than that was somebody's wish. */
  private static final long LEAST_HEAP_MB = 256;

  private Failure() {}

  static int report(Throwable thrown, Terminal terminal) {
    Throwable failure = cause(thrown);
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
      case OutOfMemoryError e -> outOfMemory(oneLine(e.getMessage()));
      case InterruptedException _ -> "interrupted";
      case InvalidPathException e -> FileName.misfit(e.getInput());
      default ->
          isKnown(failure)
              ? oneLine(failure.getMessage())
              : "internal error: " + oneLine(failure.toString());
    };
  }

  /** The JVM's heap can be made larger; of the rest the system has as much as it has. */
  private static String outOfMemory(String what) {
    if (what.contains("heap") || what.contains("GC overhead") || what.contains("array size")) {
      long heapMb = Runtime.getRuntime().maxMemory() >> 20;
      return "the JVM's heap of "
          + heapMb
          + " MB is too small for this; give it more: BATON_JAVA_OPTS=-Xmx"
          + Math.max(LEAST_HEAP_MB, 2 * heapMb)
          + "m";
    }
    if (what.contains("direct buffer memory")) {
      return "the JVM's limit on memory outside its heap is too small for this ("
          + what
          + "); raise it: BATON_JAVA_OPTS=-XX:MaxDirectMemorySize=1t";
    }
    if (what.contains("thread")) {
      return "the system allows no more threads ("
          + what
          + "); raise the limit (ulimit -u), or use fewer --threads";
    }
    return "the system has no memory for this ("
        + what
        + "); use a smaller model or a smaller --ctx-size, or end other processes";
  }

  /** What was meant where an Error of the JVM comes wrapped, as by a class that could not load. */
  private static Throwable cause(Throwable failure) {
    for (Throwable at = failure; at != null && !isKnown(failure); at = at.getCause()) {
      if (at instanceof OutOfMemoryError) {
        return at;
      }
    }
    return failure;
  }

  /**
   * Whether the message was written for the user. An {@link IllegalArgumentException} is one of an
   * option's value.
   */
  private static boolean isKnown(Throwable failure) {
    return failure instanceof ExplainedException
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
