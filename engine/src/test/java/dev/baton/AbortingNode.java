package dev.baton;

import dev.baton.cli.BatonCli;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * {@code baton} with a fault: as soon as the prefill thread is seen computing in ggml, a check in
 * the library fails.
 */
public final class AbortingNode {
  private AbortingNode() {}

  public static void main(String[] args) {
    Thread.ofPlatform().daemon().name("fault").start(AbortingNode::abortInTheLibrary);
    BatonCli.main(args);
  }

  private static void abortInTheLibrary() {
    while (Thread.getAllStackTraces().entrySet().stream()
        .noneMatch(thread ->
            thread.getKey().getName().equals("baton-compute")
                && Arrays.stream(thread.getValue())
                    .anyMatch(frame -> frame.getMethodName().equals("compute")))) {
      Thread.onSpinWait();
    }
    try (Arena arena = Arena.ofConfined()) {
      SymbolLookup base = SymbolLookup.libraryLookup(base(), Arena.global());
      MethodHandle abort =
          Linker.nativeLinker()
              .downcallHandle(
                  base.find("ggml_abort").orElseThrow(),
                  FunctionDescriptor.ofVoid(
                      ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS),
                  Linker.Option.firstVariadicArg(3));
      MemorySegment file = arena.allocateFrom("provoked.c");
      abort.invokeExact(file, 7, arena.allocateFrom("a provoked fault"));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static Path base() {
    try (Stream<Path> files = Files.list(Path.of(System.getenv("BATON_GGML_HOME")))) {
      return files
          .filter(file -> String.valueOf(file.getFileName()).startsWith("libggml-base."))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
