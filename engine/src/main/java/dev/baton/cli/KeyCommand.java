package dev.baton.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.baton.kvstream.ClusterKey;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code baton key}: makes the secret that a cluster's nodes share. */
@Command(
    name = "key",
    header = "Make a key that the nodes of a cluster share.",
    description = {
      "%nNodes on more than one machine need the same key: it proves that they belong together, and"
          + " prompts, KV and all else that they send after their greetings is encrypted.",
      "In the clear are the greetings (the model's fingerprint and shape, what computes,"
          + " addresses), and how much is sent when. Who gets the key later can read what was"
          + " recorded before: there is no forward secrecy.",
      "Prints 64 hex digits on stdout, or writes them to a file that only its owner can read.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {"  baton key --out cluster.key", "  BATON_CLUSTER_KEY=$(baton key)"})
final class KeyCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final SecureRandom random;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the key to this file, with permissions 600.")
  private @Nullable Path file;

  @Option(names = "--force", description = "Replace the file where it exists.")
  private boolean replace;

  KeyCommand(Terminal terminal, SecureRandom random) {
    this.terminal = terminal;
    this.random = random;
  }

  @Override
  public Integer call() {
    String text = ClusterKey.random(random).text();
    Path to = file;
    if (to == null) {
      terminal.println(text);
      return BatonCli.DONE;
    }
    try {
      write(to.toAbsolutePath(), text + "\n");
    } catch (FileAlreadyExistsException e) {
      throw new UserException(
          to + " exists, and nodes may still use that key: write another file, or --force", e);
    } catch (NoSuchFileException e) {
      throw new UserException(
          "cannot write "
              + to
              + ": the folder "
              + to.toAbsolutePath().getParent()
              + " is not there",
          e);
    } catch (IOException e) {
      throw new UserException("cannot write " + to + ": " + e.getMessage(), e);
    }
    terminal.note(
        "copy "
            + to
            + " to every node, readable by its owner only, and set "
            + ClusterKey.FILE_VARIABLE
            + " to its path there");
    return BatonCli.DONE;
  }

  /** The file is never there with other permissions, nor with half a key. */
  private void write(Path to, String line) throws IOException {
    if (!replace) {
      writeNew(to, line);
      return;
    }
    Path made = to.resolveSibling(to.getFileName() + ".new");
    try {
      Files.deleteIfExists(made);
      writeNew(made, line);
      Files.move(made, to, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(made);
    }
  }

  private static void writeNew(Path to, String line) throws IOException {
    try (SeekableByteChannel channel =
        Files.newByteChannel(
            to, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), ownersOnly(to))) {
      channel.write(ByteBuffer.wrap(line.getBytes(UTF_8)));
    }
  }

  private static FileAttribute<?>[] ownersOnly(Path path) {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
        }
        : new FileAttribute<?>[0];
  }
}
