package dev.baton.ggml;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * A folder with ggml's libraries: the base, the registry that loads plugins, and one plugin for
 * each kind of device. They have to be of one release: they share structs, and no number in them
 * says which release they are of.
 *
 * @param path where they are
 * @param base {@code libggml-base}
 * @param registry {@code libggml}; its name may carry a variant and a release
 * @param plugins the others, which may be in a folder that the registry knows of
 */
record GgmlFolder(Path path, Path base, Path registry, List<Path> plugins) {
  /** The environment variable that names the folder to use. */
  static final String VARIABLE = "BATON_GGML_HOME";

  /** What a pulled folder holds: a line {@code SIZE NAME} for each file of the package. */
  static final String CONTENTS = "contents.txt";

  private static final String HOW =
      "bring one with: baton pull ggml (or ggml-vulkan, ggml-cuda, ggml-metal), or set "
          + VARIABLE
          + " to the folder of its libraries";

  private static final String ENDING = "(\\.so(\\.[0-9.]+)?|(\\.[0-9.]+)?\\.dylib)";
  private static final Pattern BASE = Pattern.compile("libggml-base" + ENDING);
  private static final Pattern REGISTRY = Pattern.compile("libggml(\\.[a-z0-9]+)*?" + ENDING);
  private static final Pattern PLUGIN = Pattern.compile("libggml-(?!base\\b).*" + ENDING);

  /** Where package managers put it. */
  private static final List<String> USUAL_PLACES =
      List.of(
          "/opt/homebrew/opt/ggml/lib",
          "/usr/local/opt/ggml/lib",
          "/usr/local/lib",
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib/aarch64-linux-gnu",
          "/usr/lib64");

  /**
   * The folder to use: the one that {@value #VARIABLE} names, else the best of those that were
   * pulled, else one of a package manager.
   *
   * @param pulled the folder of pulled folders
   * @throws GgmlException when there is none, or it cannot be used
   */
  static GgmlFolder find(Map<String, String> env, Path pulled) {
    String named = env.getOrDefault(VARIABLE, "");
    if (!named.isBlank()) {
      Path folder;
      try {
        folder = Path.of(named);
      } catch (InvalidPathException e) {
        throw new GgmlException(VARIABLE + "=" + named + " is no folder's name; " + HOW, e);
      }
      if (!Files.isDirectory(folder)) {
        throw new GgmlException(VARIABLE + "=" + named + " is no folder; " + HOW);
      }
      return of(folder);
    }
    List<Path> places = new ArrayList<>();
    for (String variant : List.of("ggml-cuda", "ggml-metal", "ggml-vulkan", "ggml")) {
      places.add(pulled.resolve(variant));
    }
    USUAL_PLACES.forEach(place -> places.add(Path.of(place)));
    for (Path place : places) {
      if (!files(place, BASE.asMatchPredicate()).isEmpty()) {
        return of(place);
      }
    }
    throw new GgmlException("the ggml library is not here; " + HOW);
  }

  /**
   * @throws GgmlException when libraries are missing or not of one release
   */
  static GgmlFolder of(Path folder) {
    Path base = only(folder, BASE, "libggml-base");
    Path registry = only(folder, REGISTRY, "libggml");
    List<Path> plugins = List.copyOf(files(folder, PLUGIN.asMatchPredicate()));
    checkContents(folder, plugins);
    return new GgmlFolder(folder, base, registry, plugins);
  }

  private static Path only(Path folder, Pattern pattern, String name) {
    Set<Path> found = files(folder, pattern.asMatchPredicate());
    if (found.isEmpty()) {
      throw new GgmlException(folder + " holds no " + name + "; " + HOW);
    }
    if (found.size() > 1) {
      throw mixed(
          folder,
          "there are " + found.stream().map(file -> String.valueOf(file.getFileName())).toList());
    }
    return found.iterator().next();
  }

  private static GgmlException mixed(Path folder, String why) {
    return new GgmlException(
        folder
            + " mixes libraries of several releases of ggml ("
            + why
            + "); empty it and fill it from one package, or "
            + HOW);
  }

  /** A pulled folder holds what its package did, and no plugin beside. */
  private static void checkContents(Path folder, List<Path> plugins) {
    Path contents = folder.resolve(CONTENTS);
    if (!Files.isRegularFile(contents)) {
      return;
    }
    Map<String, Long> sizes = new HashMap<>();
    try {
      for (String line : Files.readAllLines(contents)) {
        int blank = line.indexOf(' ');
        sizes.put(line.substring(blank + 1), Long.parseLong(line.substring(0, blank)));
      }
      for (Map.Entry<String, Long> file : sizes.entrySet()) {
        Path path = folder.resolve(file.getKey());
        if (!Files.isRegularFile(path) || Files.size(path) != file.getValue()) {
          throw mixed(folder, file.getKey() + " is not the one that was pulled");
        }
      }
    } catch (IOException | NumberFormatException | IndexOutOfBoundsException e) {
      throw new GgmlException(
          folder + " is damaged (" + CONTENTS + " cannot be read); remove it and pull it again", e);
    }
    for (Path plugin : plugins) {
      if (!sizes.containsKey(String.valueOf(plugin.getFileName()))) {
        throw mixed(folder, plugin.getFileName() + " was not pulled with the others");
      }
    }
  }

  /** Files by name, links to the same file counted once. */
  private static Set<Path> files(Path folder, Predicate<String> wanted) {
    Set<Path> found = new TreeSet<>();
    if (!Files.isDirectory(folder)) {
      return found;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, "libggml*")) {
      for (Path entry : entries) {
        if (wanted.test(String.valueOf(entry.getFileName())) && Files.isRegularFile(entry)) {
          found.add(entry.toRealPath());
        }
      }
    } catch (IOException e) {
      throw new GgmlException(folder + " cannot be read (" + e.getMessage() + ")", e);
    }
    return found;
  }
}
