package dev.baton.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class CacheFolderTest {
  @Test
  void shouldKeepWhatTestsLeaveOutOfTheUsersFolders() {
    assertEquals(
        Path.of("target", "home").toAbsolutePath(),
        CacheFolder.of(System.getenv()),
        "Maven gives tests a folder of their own");
  }

  @Test
  void shouldTakeBatonHomeFirst() {
    assertEquals(
        Path.of("/data/baton"),
        CacheFolder.locate(
            Map.of("BATON_HOME", "/data/baton", "XDG_CACHE_HOME", "/xdg"), "Linux", "/home/u"));
  }

  @Test
  void shouldTakeTheXdgFolderNextButNoRelativeOne() {
    assertEquals(
        Path.of("/xdg/baton"),
        CacheFolder.locate(Map.of("XDG_CACHE_HOME", "/xdg"), "Mac OS X", "/Users/u"));
    assertEquals(
        Path.of("/home/u/.cache/baton"),
        CacheFolder.locate(Map.of("XDG_CACHE_HOME", "xdg"), "Linux", "/home/u"));
  }

  @Test
  void shouldElseTakeTheUsersCacheFolder() {
    assertEquals(
        Path.of("/home/u/.cache/baton"),
        CacheFolder.locate(Map.of("HOME", "/home/u"), "Linux", "/other"));
    assertEquals(
        Path.of("/Users/u/Library/Caches/baton"),
        CacheFolder.locate(Map.of("BATON_HOME", " "), "Mac OS X", "/Users/u"));
  }
}
