package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * ggml's libraries, loaded once for the life of the process: their functions and their devices. Any
 * thread.
 */
public final class GgmlLibrary {
  /** Versions whose functions are those that are called here, for messages. */
  static final String SUPPORTED = "0.9.7 or newer, before 1.0";

  private static final int OLDEST_MINOR = 9;
  private static final int OLDEST_PATCH = 7;
  private static final Pattern VERSION = Pattern.compile("(\\d+)\\.(\\d+)\\.(\\d+).*");
  private static final int RTLD_NOW = 2;

  private static @Nullable GgmlLibrary instance; // guarded by the class

  private final GgmlFolder folder;
  private final String version;
  private final GgmlTensors tensors;
  private final GgmlBackends backends;
  private final GgmlAllocators allocators;

  /**
   * A plugin from which no device came.
   *
   * @param backend the kind of device it is for: {@code vulkan}
   * @param why one line, with what to do
   */
  public record Unusable(String backend, String why) {}

  private GgmlLibrary(GgmlFolder folder) {
    this.folder = folder;
    GgmlSymbols symbols =
        new GgmlSymbols(
            List.of(load(folder.base()), load(folder.registry())), folder.path().toString());
    this.version = version(symbols);
    checkVersion();
    this.tensors = new GgmlTensors(symbols);
    this.backends = new GgmlBackends(symbols);
    this.allocators = new GgmlAllocators(symbols);
    MemorySegment _ = tensors.setAbortCallback(GgmlAbort.callback());
    GgmlLog.install(tensors);
    if (folder.plugins().isEmpty()) {
      backends.loadAll();
    } else {
      try (Arena arena = Arena.ofConfined()) {
        backends.loadAllFrom(arena.allocateFrom(folder.path().toString()));
      }
    }
  }

  /**
   * Loads it, from where {@value GgmlFolder#VARIABLE} says, or where it was pulled to, or where
   * package managers put it.
   *
   * @param pulled the folder of pulled folders
   * @throws GgmlException when it is not there or cannot be used
   */
  public static synchronized GgmlLibrary open(Map<String, String> env, Path pulled) {
    GgmlLibrary known = instance;
    GgmlFolder folder = GgmlFolder.find(env, pulled);
    if (known == null) {
      known = new GgmlLibrary(folder);
      instance = known;
    } else if (!known.folder.base().equals(folder.base())) {
      throw new GgmlException(
          "this process has loaded ggml from " + known.folder.path() + " already; start another");
    }
    return known;
  }

  private static SymbolLookup load(Path file) {
    try {
      return SymbolLookup.libraryLookup(file, Arena.global());
    } catch (IllegalArgumentException e) {
      throw new GgmlException(
          file + " cannot be loaded (" + whyNotLoaded(file) + "); install what it lacks", e);
    } catch (IllegalCallerException e) {
      throw new GgmlException(
          "ggml may not be loaded; start Java with --enable-native-access=ALL-UNNAMED", e);
    }
  }

  /** What the system's loader says. */
  private static String whyNotLoaded(Path file) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup system = linker.defaultLookup();
    MemorySegment open = system.find("dlopen").orElse(null);
    MemorySegment error = system.find("dlerror").orElse(null);
    if (open == null || error == null) {
      return "this system does not say why";
    }
    MethodHandle dlopen =
        linker.downcallHandle(open, FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
    MethodHandle dlerror = linker.downcallHandle(error, FunctionDescriptor.of(ADDRESS));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment loaded =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(file.toString()), RTLD_NOW);
      return loaded.address() != 0 ? "" : GgmlSymbols.text((MemorySegment) dlerror.invokeExact());
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  /** Before any other function is looked for: older releases lack some. */
  private static String version(GgmlSymbols symbols) {
    MethodHandle version = symbols.function("ggml_version", FunctionDescriptor.of(ADDRESS));
    try {
      return GgmlSymbols.text((MemorySegment) version.invokeExact());
    } catch (Throwable e) {
      throw GgmlSymbols.failed(e);
    }
  }

  private void checkVersion() {
    Matcher parts = VERSION.matcher(version);
    boolean fits =
        parts.matches()
            && Integer.parseInt(parts.group(1)) == 0
            && (Integer.parseInt(parts.group(2)) > OLDEST_MINOR
                || (Integer.parseInt(parts.group(2)) == OLDEST_MINOR
                    && Integer.parseInt(parts.group(3)) >= OLDEST_PATCH));
    if (!fits) {
      throw new GgmlException(
          folder.path() + " is ggml " + version + "; use " + SUPPORTED + ": baton pull ggml");
    }
  }

  /** Where it was loaded from. */
  public Path folder() {
    return folder.path();
  }

  /** Its own number: {@code 0.25.1}. */
  public String version() {
    return version;
  }

  /** The devices it found, in its order. */
  public List<GgmlDevice> devices() {
    List<GgmlDevice> devices = new ArrayList<>();
    for (long i = 0; i < backends.deviceCount(); i++) {
      devices.add(describe(backends.device(i)));
    }
    return devices;
  }

  private GgmlDevice describe(MemorySegment handle) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(JAVA_LONG);
      MemorySegment total = arena.allocate(JAVA_LONG);
      backends.deviceMemory(handle, free, total);
      MemorySegment registry = backends.deviceRegistry(handle);
      return new GgmlDevice(
          GgmlSymbols.text(backends.deviceName(handle)),
          backends.deviceType(handle) == 0 ? "cpu" : "gpu",
          GgmlSymbols.text(backends.deviceDescription(handle)).strip(),
          GgmlSymbols.text(backends.registryName(registry)),
          free.get(JAVA_LONG, 0),
          total.get(JAVA_LONG, 0),
          handle);
    }
  }

  /**
   * A device by what users call it, capitals or not.
   *
   * @throws GgmlException when there is none; with those that there are
   */
  public GgmlDevice device(String name) {
    List<GgmlDevice> devices = devices();
    for (GgmlDevice device : devices) {
      if (device.isCalled(name)) {
        return device;
      }
    }
    List<String> others = devices.stream().map(GgmlDevice::label).toList();
    String why =
        unusable().stream()
            .filter(plugin -> name.toLowerCase(Locale.ROOT).startsWith(plugin.backend()))
            .map(plugin -> " (" + plugin.why() + ")")
            .findFirst()
            .orElse("");
    throw new GgmlException(
        "there is no device "
            + name
            + why
            + "; there is "
            + String.join(", ", others)
            + " and cpu");
  }

  /**
   * Runs a tiny model on a device, once for each device of a process.
   *
   * @return why it cannot be used, one line
   */
  public static Optional<String> test(GgmlTarget target) {
    try {
      double _ = GgmlSelfTest.require(target);
      return Optional.empty();
    } catch (GgmlException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** The plugins in the folder that gave no device, and why. */
  public List<Unusable> unusable() {
    List<String> found = new ArrayList<>();
    for (long i = 0; i < backends.registryCount(); i++) {
      MemorySegment registry = backends.registry(i);
      String name = GgmlSymbols.text(backends.registryName(registry)).toLowerCase(Locale.ROOT);
      found.add("mtl".equals(name) ? "metal" : name);
      if (backends.registryDevices(registry) == 0) {
        found.add(name + "-empty");
      }
    }
    List<Unusable> unusable = new ArrayList<>();
    for (Path plugin : folder.plugins()) {
      String kind = kindOf(plugin);
      boolean gaveDevices = found.contains(kind) && !found.contains(kind + "-empty");
      if ("cpu".equals(kind) || gaveDevices) {
        continue;
      }
      String why = found.contains(kind) ? "" : whyNotLoaded(plugin);
      unusable.add(
          new Unusable(
              kind,
              why.isEmpty()
                  ? "no device of that kind was found; install its driver"
                      + ("vulkan".equals(kind) ? " (apt install mesa-vulkan-drivers)" : "")
                  : plugin.getFileName() + " cannot be loaded: " + why));
    }
    return unusable;
  }

  /** {@code vulkan} of {@code libggml-vulkan.so}. */
  private static String kindOf(Path plugin) {
    String name = String.valueOf(plugin.getFileName()).substring("libggml-".length());
    return name.split("[-.]", 2)[0];
  }

  GgmlTensors tensors() {
    return tensors;
  }

  GgmlBackends backends() {
    return backends;
  }

  GgmlAllocators allocators() {
    return allocators;
  }
}
