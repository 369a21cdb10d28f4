package dev.baton.text;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * llama.cpp's own tokenizer of one vocabulary, as prebuilt in the npm package
 * {@code @node-llama-cpp/linux-x64}: the oracle. {@code BATON_LLAMA_CPP} names the folder that the
 * package, and beside it the one of {@code node-llama-cpp} with the vocabularies, was unpacked in.
 */
final class LlamaCpp implements AutoCloseable {
  /** How to bring it, for those who read that a test was skipped. */
  static final String MISSING =
      "BATON_LLAMA_CPP names no folder with llama.cpp's libraries; .ci/run tells how to get them";

  /** {@code llama_model_params}, passed by value; the real one is shorter, which does no harm. */
  private static final MemoryLayout PARAMETERS =
      MemoryLayout.structLayout(
          MemoryLayout.sequenceLayout(32, ValueLayout.JAVA_LONG).withName("all"));

  /** Where {@code vocab_only} is in it. */
  private static final long VOCAB_ONLY = 72;

  private final Arena arena = Arena.ofConfined();
  private final SymbolLookup library;
  private final MemorySegment model;
  private final MemorySegment vocabulary;
  private final MethodHandle tokenize;

  LlamaCpp(Path libraries, Path file) throws IOException {
    // The plugins of ggml are not needed for vocabularies.
    for (String name : List.of("libggml-base", "libggml.", "libllama.")) {
      System.load(find(libraries, name).toString());
    }
    library = SymbolLookup.libraryLookup(find(libraries, "libllama."), Arena.global());
    silence();
    model = load(file);
    vocabulary = pointer("llama_model_get_vocab", model);
    tokenize =
        handle(
            "llama_tokenize",
            FunctionDescriptor.of(
                JAVA_INT,
                ADDRESS,
                ADDRESS,
                JAVA_INT,
                ADDRESS,
                JAVA_INT,
                JAVA_BOOLEAN,
                JAVA_BOOLEAN));
  }

  /** The folder with the libraries, where there is one. */
  static Optional<Path> libraries() throws IOException {
    return under("libllama.");
  }

  /** The folder with llama.cpp's test vocabularies, where there is one. */
  static Optional<Path> vocabularies() throws IOException {
    return under("ggml-vocab-");
  }

  private static Optional<Path> under(String name) throws IOException {
    String home = System.getenv("BATON_LLAMA_CPP");
    if (home == null || !Files.isDirectory(Path.of(home))) {
      return Optional.empty();
    }
    try (Stream<Path> files = Files.walk(Path.of(home))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(name))
          .map(Path::getParent)
          .findFirst();
    }
  }

  private static Path find(Path folder, String name) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(name))
          .findFirst()
          .orElseThrow(() -> new IOException(name + " is not in " + folder));
    }
  }

  private MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), descriptor);
  }

  private MemorySegment pointer(String function, MemorySegment of) {
    try {
      return (MemorySegment) handle(function, FunctionDescriptor.of(ADDRESS, ADDRESS)).invoke(of);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Called instead of printing to stderr. */
  @SuppressWarnings("unused")
  private static void log(int level, MemorySegment text, MemorySegment data) {}

  private void silence() {
    FunctionDescriptor log = FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS);
    try {
      MethodHandle nothing =
          MethodHandles.lookup().findStatic(LlamaCpp.class, "log", log.toMethodType());
      MemorySegment stub = Linker.nativeLinker().upcallStub(nothing, log, Arena.global());
      handle("llama_log_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
          .invoke(stub, MemorySegment.NULL);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private MemorySegment load(Path file) throws IOException {
    MemorySegment opened;
    try {
      MethodHandle defaults =
          handle("llama_model_default_params", FunctionDescriptor.of(PARAMETERS));
      MemorySegment parameters = (MemorySegment) defaults.invoke((SegmentAllocator) arena);
      parameters.set(JAVA_BOOLEAN, VOCAB_ONLY, true);
      MethodHandle open =
          handle("llama_model_load_from_file", FunctionDescriptor.of(ADDRESS, ADDRESS, PARAMETERS));
      opened = (MemorySegment) open.invoke(arena.allocateFrom(file.toString()), parameters);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
    if (opened.equals(MemorySegment.NULL)) {
      throw new IOException("llama.cpp does not read " + file);
    }
    return opened;
  }

  int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    try (Arena call = Arena.ofConfined()) {
      MemorySegment in = call.allocate(bytes.length + 1L);
      MemorySegment.copy(bytes, 0, in, JAVA_BYTE, 0, bytes.length);
      int room = bytes.length + 8;
      MemorySegment out = call.allocate(JAVA_INT, room);
      int count =
          (int) tokenize.invoke(vocabulary, in, bytes.length, out, room, addSpecial, parseSpecial);
      return out.asSlice(0, 4L * count).toArray(JAVA_INT);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    try {
      handle("llama_model_free", FunctionDescriptor.ofVoid(ADDRESS)).invoke(model);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    } finally {
      arena.close();
    }
  }
}
