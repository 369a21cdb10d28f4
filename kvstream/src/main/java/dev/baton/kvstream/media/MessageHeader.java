package dev.baton.kvstream.media;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;

/**
 * A {@code struct msghdr} with what it points to, as 64-bit Linux lays them out ({@code
 * <bits/socket.h>}; the same with glibc and musl, on x86-64 and AArch64): the parts of memory to
 * send from or receive into, the source's address, and one control message about segments. Made
 * once and used again for every call, by one thread at a time; the memory lives as long as this
 * object.
 */
final class MessageHeader {
  /** Parts of memory that one call may send from. */
  static final int MAX_PARTS = 64;

  /** Where an address' fields stand in {@code struct sockaddr_in} and {@code sockaddr_in6}. */
  static final int NAME_BYTES = 28;

  private static final int NAME = 0; // void *msg_name
  private static final int NAME_LENGTH = 8; // socklen_t
  private static final int PARTS = 16; // struct iovec *
  private static final int PART_COUNT = 24; // size_t
  private static final int CONTROL = 32; // void *
  private static final int CONTROL_LENGTH = 40; // size_t
  private static final int FLAGS = 48; // int
  private static final int HEADER_BYTES = 56;

  private static final int CONTROL_AT = HEADER_BYTES;
  private static final int CONTROL_BYTES = 64;
  private static final int CONTROL_LEVEL = CONTROL_AT + 8; // after a size_t: cmsg_len
  private static final int CONTROL_TYPE = CONTROL_AT + 12;
  private static final int CONTROL_DATA = CONTROL_AT + 16;
  private static final int CONTROL_HEAD_BYTES = 16;

  private static final int NAME_AT = CONTROL_AT + CONTROL_BYTES;
  private static final int PARTS_AT = NAME_AT + 32;
  private static final int PART_BYTES = 16; // void *iov_base, size_t iov_len
  private static final int ALL_BYTES = PARTS_AT + MAX_PARTS * PART_BYTES;

  private static final int SOL_UDP = 17;
  private static final int MSG_TRUNC = 0x20;

  private final MemorySegment memory = Arena.ofAuto().allocate(ALL_BYTES, 16);
  private final MemorySegment structure = memory.asSlice(0, HEADER_BYTES);
  private final MemorySegment name = memory.asSlice(NAME_AT, NAME_BYTES);
  private final MemorySegment callState =
      Arena.ofAuto().allocate(Linker.Option.captureStateLayout());

  MessageHeader() {
    memory.set(JAVA_LONG, PARTS, memory.address() + PARTS_AT);
  }

  /** The structure itself, for a call. */
  MemorySegment structure() {
    return structure;
  }

  /** Where a call leaves its {@code errno}. */
  MemorySegment callState() {
    return callState;
  }

  /** Sets one part of the memory. */
  void part(int index, long address, long bytes) {
    long at = PARTS_AT + (long) index * PART_BYTES;
    memory.set(JAVA_LONG, at, address);
    memory.set(JAVA_LONG, at + 8, bytes);
  }

  /**
   * Makes this a message to a connected socket's peer.
   *
   * @param parts how many parts of memory were set
   * @param segmentBytes length of the datagrams the kernel shall cut it into; 0 for one datagram
   */
  void toSend(int parts, int segmentBytes) {
    memory.set(JAVA_LONG, NAME, 0);
    memory.set(JAVA_INT, NAME_LENGTH, 0);
    memory.set(JAVA_LONG, PART_COUNT, parts);
    if (segmentBytes == 0) {
      memory.set(JAVA_LONG, CONTROL, 0);
      memory.set(JAVA_LONG, CONTROL_LENGTH, 0);
      return;
    }
    memory.set(JAVA_LONG, CONTROL, memory.address() + CONTROL_AT);
    memory.set(JAVA_LONG, CONTROL_LENGTH, CONTROL_HEAD_BYTES + Long.BYTES); // CMSG_SPACE
    memory.set(JAVA_LONG, CONTROL_AT, CONTROL_HEAD_BYTES + Short.BYTES); // CMSG_LEN
    memory.set(JAVA_INT, CONTROL_LEVEL, SOL_UDP);
    memory.set(JAVA_INT, CONTROL_TYPE, SocketCalls.UDP_SEGMENT);
    memory.set(JAVA_SHORT, CONTROL_DATA, (short) segmentBytes);
  }

  /** Makes this a message to be received, into one part of memory. */
  void toReceive(long address, int bytes) {
    part(0, address, bytes);
    memory.set(JAVA_LONG, NAME, name.address());
    memory.set(JAVA_INT, NAME_LENGTH, NAME_BYTES);
    memory.set(JAVA_LONG, PART_COUNT, 1);
    memory.set(JAVA_LONG, CONTROL, memory.address() + CONTROL_AT);
    memory.set(JAVA_LONG, CONTROL_LENGTH, CONTROL_BYTES);
    memory.set(JAVA_INT, FLAGS, 0);
  }

  /** Length of the datagrams that were received joined, the last perhaps shorter; 0 for one. */
  int receivedSegmentBytes() {
    boolean told =
        memory.get(JAVA_LONG, CONTROL_LENGTH) >= CONTROL_HEAD_BYTES + Integer.BYTES
            && memory.get(JAVA_INT, CONTROL_LEVEL) == SOL_UDP
            && memory.get(JAVA_INT, CONTROL_TYPE) == SocketCalls.UDP_GRO;
    return told ? memory.get(JAVA_INT, CONTROL_DATA) : 0;
  }

  /** True when more came than there was room for. */
  boolean isTruncated() {
    return (memory.get(JAVA_INT, FLAGS) & MSG_TRUNC) != 0;
  }

  /** The source's address as the kernel wrote it. */
  MemorySegment name() {
    return name;
  }

  /** Sets the source's address, for tests. */
  void name(byte[] bytes) {
    MemorySegment.copy(bytes, 0, name, JAVA_BYTE, 0, bytes.length);
  }
}
