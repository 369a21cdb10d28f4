package dev.baton.catalog;

import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import javax.net.ssl.SSLException;

/**
 * Why an input or output failed, in words a user can act on: the JDK's own messages are often a
 * bare path, or null.
 */
final class Reason {
  private Reason() {}

  static String of(IOException failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof UnresolvedAddressException || cause instanceof UnknownHostException) {
        return "its name cannot be resolved; is there a network?";
      }
    }
    return switch (failure) {
      case AccessDeniedException _ -> "permission denied";
      case NoSuchFileException e -> "no such file: " + e.getFile();
      case FileSystemException e when e.getReason() != null -> e.getReason();
      case HttpTimeoutException _ -> "no answer in time";
      case ConnectException _ -> "cannot be reached";
      case SSLException e -> "no secure connection: " + e.getMessage();
      default ->
          failure.getMessage() == null
              ? failure.getClass().getSimpleName()
              : failure.getMessage().lines().findFirst().orElse("");
    };
  }
}
