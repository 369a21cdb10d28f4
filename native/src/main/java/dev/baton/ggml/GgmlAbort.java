package dev.baton.ggml;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a failed check inside the library. It means to end the process; here the thread
 * that failed is kept for ever instead, so that the rest of the process can say why, and see to its
 * callers. Nothing of the library may be used after that, and the process should end soon.
 */
public final class GgmlAbort {
  private static final List<Consumer<String>> LISTENERS = new CopyOnWriteArrayList<>();
  private static volatile @Nullable String reason;

  private GgmlAbort() {}

  /**
   * Has {@code action} told why, once, on a thread of its own. It should end what waits for the
   * library's threads, which will never answer.
   *
   * @return takes the action back
   */
  public static Runnable onAbort(Consumer<String> action) {
    LISTENERS.add(action);
    String known = reason;
    if (known != null) {
      tell(action, known);
    }
    return () -> LISTENERS.remove(action);
  }

  /** Why the library gave up, one line, or null. */
  public static @Nullable String reason() {
    return reason;
  }

  /** The function that the library calls, for the life of the process. */
  static MemorySegment callback() {
    try {
      return Linker.nativeLinker()
          .upcallStub(
              MethodHandles.lookup()
                  .findStatic(
                      GgmlAbort.class,
                      "aborted",
                      MethodType.methodType(void.class, MemorySegment.class)),
              FunctionDescriptor.ofVoid(ADDRESS),
              Arena.global());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings("unused") // called by the library
  private static void aborted(MemorySegment message) {
    String why = "ggml gave up: " + GgmlSymbols.text(message).strip().replaceAll("\\s+", " ");
    if (reason == null) {
      reason = why;
      for (Consumer<String> listener : LISTENERS) {
        tell(listener, why);
      }
    }
    while (true) {
      LockSupport.park(); // a return would end the process
    }
  }

  private static void tell(Consumer<String> listener, String why) {
    Thread.ofPlatform().daemon().name("baton-ggml-abort").start(() -> listener.accept(why));
  }
}
