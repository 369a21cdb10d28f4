package dev.baton.ggml;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;

/** The functions of the libraries of one folder, by name. */
final class GgmlSymbols {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final long LONGEST_TEXT = 4096;

  private final List<SymbolLookup> libraries;
  private final String name;

  /**
   * @param name of what they are, for errors
   */
  GgmlSymbols(List<SymbolLookup> libraries, String name) {
    this.libraries = List.copyOf(libraries);
    this.name = name;
  }

  /**
   * @throws GgmlException when none of the libraries has it
   */
  MethodHandle function(String symbol, FunctionDescriptor descriptor) {
    for (SymbolLookup library : libraries) {
      MemorySegment address = library.find(symbol).orElse(null);
      if (address != null) {
        return LINKER.downcallHandle(address, descriptor);
      }
    }
    throw new GgmlException(
        name + " lacks the function " + symbol + "; use ggml " + GgmlLibrary.SUPPORTED);
  }

  /** A function by its address. */
  static MethodHandle at(MemorySegment address, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(address, descriptor);
  }

  /** A C string, empty for NULL. */
  static String text(MemorySegment address) {
    return address.address() == 0 ? "" : address.reinterpret(LONGEST_TEXT).getString(0);
  }

  /** No function throws; only a wrong call of its handle does. */
  static RuntimeException failed(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException runtime ? runtime : new IllegalStateException(e);
  }
}
