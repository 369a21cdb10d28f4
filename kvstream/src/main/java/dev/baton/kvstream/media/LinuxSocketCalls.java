package dev.baton.kvstream.media;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Locale;
import java.util.Set;

/**
 * The socket calls of {@code <sys/socket.h>} on 64-bit Linux: the one class that binds C functions
 * here. Any thread, each with a {@link MessageHeader} of its own.
 */
final class LinuxSocketCalls implements SocketCalls {
  private static final int SOL_UDP = 17;
  private static final int MSG_DONTWAIT = 0x40;
  private static final Set<String> PROCESSORS = Set.of("amd64", "x86_64", "aarch64");

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_VALUE =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final FunctionDescriptor MESSAGE_CALL =
      FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle SENDMSG = bind("sendmsg", MESSAGE_CALL);
  private static final MethodHandle RECVMSG = bind("recvmsg", MESSAGE_CALL);
  private static final MethodHandle SETSOCKOPT =
      bind(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

  private static MethodHandle bind(String name, FunctionDescriptor function) {
    MemorySegment address =
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsupportedOperationException("the C library has no " + name));
    return LINKER.downcallHandle(address, function, ERRNO);
  }

  /** Why the calls cannot be used on this system, or an empty text when they can. */
  static String obstacle() {
    String system = System.getProperty("os.name", "");
    String processor = System.getProperty("os.arch", "");
    if (!system.equals("Linux")) {
      return "the system is " + system + ", not Linux";
    }
    return PROCESSORS.contains(processor.toLowerCase(Locale.ROOT))
        ? ""
        : "the processor is " + processor + ", whose structures are not known here";
  }

  @Override
  public int send(int descriptor, MessageHeader message) {
    try {
      long sent =
          (long)
              SENDMSG.invokeExact(
                  message.callState(), descriptor, message.structure(), MSG_DONTWAIT);
      return sent >= 0 ? (int) sent : -errno(message.callState());
    } catch (Throwable e) {
      throw new IllegalStateException("sendmsg cannot be called", e);
    }
  }

  @Override
  public int receive(int descriptor, MessageHeader message) {
    try {
      long received =
          (long)
              RECVMSG.invokeExact(
                  message.callState(), descriptor, message.structure(), MSG_DONTWAIT);
      return received >= 0 ? (int) received : -errno(message.callState());
    } catch (Throwable e) {
      throw new IllegalStateException("recvmsg cannot be called", e);
    }
  }

  @Override
  public int setOption(int descriptor, int option, int value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(Linker.Option.captureStateLayout());
      MemorySegment argument = arena.allocateFrom(JAVA_INT, value);
      int result =
          (int)
              SETSOCKOPT.invokeExact(
                  state, descriptor, SOL_UDP, option, argument, (int) JAVA_INT.byteSize());
      return result >= 0 ? result : -errno(state);
    } catch (Throwable e) {
      throw new IllegalStateException("setsockopt cannot be called", e);
    }
  }

  private static int errno(MemorySegment state) {
    return (int) ERRNO_VALUE.get(state, 0L);
  }
}
