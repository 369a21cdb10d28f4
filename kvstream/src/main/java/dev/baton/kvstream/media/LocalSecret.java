package dev.baton.kvstream.media;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Set;

/**
 * What one user's nodes on one machine know of each other without a cluster key: random bytes in a
 * file that its owner alone can read. It lets them in when strangers have taken all their places;
 * it seals nothing.
 */
public final class LocalSecret {
  private static final Set<PosixFilePermission> OWNERS_OWN =
      PosixFilePermissions.fromString("rw-------");

  private LocalSecret() {}

  /** That of this user, made where there is none; where there can be none, one of its own. */
  public static byte[] get(int lengthBytes) {
    return in(Path.of(System.getProperty("java.io.tmpdir")), lengthBytes);
  }

  /** That in a folder which any user may write to. */
  static byte[] in(Path folder, int lengthBytes) {
    Path file = folder.resolve(".baton-local-" + System.getProperty("user.name"));
    try {
      if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
        make(folder, file, lengthBytes);
      }
      if (isOurs(folder, file)) {
        byte[] secret = Files.readAllBytes(file);
        if (secret.length == lengthBytes) {
          return secret;
        }
      }
    } catch (IOException | UnsupportedOperationException _) {
      // Other nodes are strangers then, which have places too.
    }
    return random(lengthBytes);
  }

  private static byte[] random(int lengthBytes) {
    byte[] secret = new byte[lengthBytes];
    new SecureRandom().nextBytes(secret);
    return secret;
  }

  /** Whole or not at all, whoever else does the same now. */
  private static void make(Path folder, Path file, int lengthBytes) throws IOException {
    Path draft =
        Files.createTempFile(
            folder, ".baton-", "", PosixFilePermissions.asFileAttribute(OWNERS_OWN));
    try {
      Files.write(draft, random(lengthBytes));
      Files.createLink(file, draft);
    } catch (FileAlreadyExistsException _) {
      // Another node's was first.
    } finally {
      Files.delete(draft);
    }
  }

  private static boolean isOurs(Path folder, Path file) throws IOException {
    return FileSystems.getDefault().equals(folder.getFileSystem())
        && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS).equals(OWNERS_OWN)
        && Files.getOwner(file, LinkOption.NOFOLLOW_LINKS)
            .getName()
            .equals(System.getProperty("user.name"));
  }
}
