package dev.baton.kvstream.media;

/**
 * What is asked of the C library's sockets. Results are as the kernel gives them: a negative one is
 * the negated {@code errno}. Tests put a system here that refuses.
 */
interface SocketCalls {
  /** Linux: {@code <linux/udp.h>}, since 4.18: cut what is sent into datagrams of this length. */
  int UDP_SEGMENT = 103;

  /** Linux: {@code <linux/udp.h>}, since 5.0: receive datagrams of one source joined. */
  int UDP_GRO = 104;

  int EIO = 5;
  int EBADF = 9;
  int EAGAIN = 11;
  int EINVAL = 22;
  int EMSGSIZE = 90;
  int ENOPROTOOPT = 92;
  int EOPNOTSUPP = 95;
  int ENOBUFS = 105;
  int ECONNREFUSED = 111;

  /** {@code sendmsg} that never waits; returns the bytes sent. */
  int send(int descriptor, MessageHeader message);

  /** {@code recvmsg} that never waits; returns the bytes received. */
  int receive(int descriptor, MessageHeader message);

  /** {@code setsockopt} of an int at the level of UDP. */
  int setOption(int descriptor, int option, int value);
}
