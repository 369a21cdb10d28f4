package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * What the library says: nothing of it is printed, the last error is kept for whoever has to say
 * why something failed.
 */
final class GgmlLog {
  private static final int ERROR = 4;

  private static volatile String lastError = "";

  private GgmlLog() {}

  static void install(GgmlTensors tensors) {
    try {
      tensors.logSet(
          Linker.nativeLinker()
              .upcallStub(
                  MethodHandles.lookup()
                      .findStatic(
                          GgmlLog.class,
                          "said",
                          MethodType.methodType(
                              void.class, int.class, MemorySegment.class, MemorySegment.class)),
                  FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS),
                  Arena.global()),
          MemorySegment.NULL);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings("unused") // called by the library
  private static void said(int level, MemorySegment text, MemorySegment data) {
    if (level == ERROR) {
      lastError = GgmlSymbols.text(text).strip();
    }
  }

  /** The last error in brackets, or nothing. */
  static String lastError() {
    return lastError.isEmpty() ? "" : " (" + lastError + ")";
  }
}
