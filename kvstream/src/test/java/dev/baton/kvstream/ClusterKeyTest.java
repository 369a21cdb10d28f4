package dev.baton.kvstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterKeyTest {
  private static final String TEXT =
      "00112233445566778899AABBCCDDEEFFffeeddccbbaa99887766554433221100";

  @TempDir Path folder;

  @Test
  void shouldReadItsOwnText() {
    ClusterKey key = ClusterKey.random(new SecureRandom());
    assertEquals(64, key.text().length());
    assertEquals(key, ClusterKey.parse(key.text()));
    assertEquals(key.hashCode(), ClusterKey.parse(key.text()).hashCode());
    assertEquals(TEXT.toLowerCase(Locale.ROOT), ClusterKey.parse(TEXT).text());
    assertEquals(ClusterKey.parse(TEXT), ClusterKey.parse(" \t" + TEXT + "\r\n"));
    assertEquals(0x11, ClusterKey.parse(TEXT).bytes()[1]);
  }

  @Test
  void shouldMakeAnotherKeyEachTime() {
    SecureRandom random = new SecureRandom();
    assertNotEquals(ClusterKey.random(random), ClusterKey.random(random));
  }

  @Test
  void shouldNeverShowItselfByChance() {
    ClusterKey key = ClusterKey.parse(TEXT);
    assertEquals("ClusterKey[not shown]", key.toString());
    String broken = TEXT.substring(2) + "xy";
    String message =
        assertThrows(StreamException.class, () -> ClusterKey.parse(broken)).getMessage();
    assertFalse(message.contains(TEXT.substring(2, 8)), message);
  }

  @Test
  void shouldDifferFromAKeyWithOneOtherBit() {
    byte[] bytes = ClusterKey.parse(TEXT).bytes();
    for (int bit = 0; bit < bytes.length * 8; bit++) {
      byte[] other = bytes.clone();
      other[bit / 8] ^= (byte) (1 << bit % 8);
      assertNotEquals(ClusterKey.parse(TEXT), ClusterKey.parse(HexFormat.of().formatHex(other)));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "00",
        "g0112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100",
        "00112233445566778899aabbccddeeff ffeeddccbbaa99887766554433221100",
        "0x00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100",
        "٠0112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100",
      })
  void shouldRefuseATextThatIsNoKey(String text) {
    String message = assertThrows(StreamException.class, () -> ClusterKey.parse(text)).getMessage();
    assertTrue(message.startsWith("the cluster key is not 64 hex digits ("), message);
    assertTrue(message.endsWith("make one with 'baton key'"), message);
  }

  @Test
  void shouldReadAFileThatItsOwnerAloneCanRead() throws IOException {
    Path file = file(TEXT + "\n", "rw-------");
    assertEquals(ClusterKey.parse(TEXT), ClusterKey.read(file));
    assertEquals(ClusterKey.parse(TEXT), ClusterKey.read(file(TEXT, "r--------")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rw-----w-", "rwxrwxrwx"})
  void shouldRefuseAFileThatIsOpenToOthers(String permissions) throws IOException {
    Path file = file(TEXT, permissions);
    assertEquals(
        "the cluster key file " + file + " is open to others than its owner: run chmod 600 " + file,
        assertThrows(StreamException.class, () -> ClusterKey.read(file)).getMessage());
  }

  @Test
  void shouldSayWhatIsWrongWithAFileThatHoldsNoKey() throws IOException {
    Path gone = folder.resolve("gone.key");
    assertEquals(
        "the cluster key file "
            + gone
            + " does not exist: make it with 'baton key --out "
            + gone
            + "'",
        assertThrows(StreamException.class, () -> ClusterKey.read(gone)).getMessage());
    assertEquals(
        "the cluster key file " + folder + " is a folder: name the file in it",
        assertThrows(StreamException.class, () -> ClusterKey.read(folder)).getMessage());
    Path endless = file("a".repeat(1 << 20), "rw-------");
    assertEquals(
        "the cluster key file "
            + endless
            + " is not 64 hex digits (1024 characters are there): make one with 'baton key'",
        assertThrows(StreamException.class, () -> ClusterKey.read(endless)).getMessage());
  }

  @Test
  void shouldTakeTheKeyOrItsFileFromTheEnvironment() throws IOException {
    Path file = file(TEXT, "rw-------");
    Optional<ClusterKey> key = Optional.of(ClusterKey.parse(TEXT));
    assertEquals(key, ClusterKey.fromEnvironment(Map.of("BATON_CLUSTER_KEY", TEXT)));
    assertEquals(
        key, ClusterKey.fromEnvironment(Map.of("BATON_CLUSTER_KEY_FILE", file.toString())));
    assertEquals(Optional.empty(), ClusterKey.fromEnvironment(Map.of()));
    assertEquals(Optional.empty(), ClusterKey.fromEnvironment(Map.of("BATON_CLUSTER_KEY", "")));
  }

  @Test
  void shouldRefuseAnEnvironmentThatIsWrongOrSaysTwoThings() {
    assertEquals(
        "BATON_CLUSTER_KEY is not 64 hex digits (2 characters are there): make one with 'baton"
            + " key'",
        assertThrows(
                StreamException.class,
                () -> ClusterKey.fromEnvironment(Map.of("BATON_CLUSTER_KEY", "ab")))
            .getMessage());
    assertEquals(
        "both BATON_CLUSTER_KEY and BATON_CLUSTER_KEY_FILE are set: unset one of them",
        assertThrows(
                StreamException.class,
                () ->
                    ClusterKey.fromEnvironment(
                        Map.of("BATON_CLUSTER_KEY", TEXT, "BATON_CLUSTER_KEY_FILE", "k")))
            .getMessage());
  }

  private Path file(String content, String permissions) throws IOException {
    assumeTrue(folder.getFileSystem().supportedFileAttributeViews().contains("posix"));
    Path file = Files.createTempFile(folder, "cluster", ".key");
    Files.writeString(file, content);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
  }
}
