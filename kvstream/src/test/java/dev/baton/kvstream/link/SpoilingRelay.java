package dev.baton.kvstream.link;

import dev.baton.thread.ThreadEnd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Carries datagrams to one node and its answers back; those to the node pass a hand first. */
final class SpoilingRelay implements AutoCloseable {
  private static final int HEADER = 32;
  private static final int TEMPLATE = HEADER + 2;
  private static final short DATA = 1;

  private final Selector selector = Selector.open();
  private final DatagramChannel front = channel();
  private final InetSocketAddress node;
  private final Consumer<ByteBuffer> hand;
  private final Map<InetSocketAddress, DatagramChannel> ways = new HashMap<>();
  private final List<DatagramChannel> all = new ArrayList<>();
  private final Thread thread;

  /**
   * @param port where it listens, 0 for any
   * @param hand may change what goes to the node
   */
  SpoilingRelay(int port, InetSocketAddress node, Consumer<ByteBuffer> hand) throws IOException {
    this.node = node;
    this.hand = hand;
    front.bind(new InetSocketAddress("127.0.0.1", port));
    front.register(selector, SelectionKey.OP_READ);
    thread = Thread.ofPlatform().daemon().start(this::run);
  }

  private DatagramChannel channel() throws IOException {
    DatagramChannel made = DatagramChannel.open();
    made.configureBlocking(false);
    return made;
  }

  /** Spoils the body of every so many of one stream's sealed messages of one frame or more. */
  static Consumer<ByteBuffer> spoilingEvery(int nth, int stream) {
    int[] seen = new int[1];
    return datagram -> {
      boolean isSealed =
          datagram.remaining() > HEADER + 8
              && datagram.getShort(6) == DATA
              && datagram.getInt(16) == stream
              && datagram.getShort(TEMPLATE) == 30;
      if (isSealed && ++seen[0] % nth == 0) {
        int at = HEADER + seen[0] % (datagram.remaining() - HEADER);
        datagram.put(at, (byte) ~datagram.get(at));
      }
    };
  }

  InetSocketAddress address() {
    try {
      return (InetSocketAddress) front.getLocalAddress();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String endpoint() {
    return "127.0.0.1:" + address().getPort();
  }

  private void run() {
    ByteBuffer datagram = ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (selector.isOpen()) {
        selector.select(key -> {
          try {
            carry(key, datagram);
          } catch (IOException _) {
            // Lost.
          }
        });
      }
    } catch (IOException | java.nio.channels.ClosedSelectorException _) {
      // The test is over.
    }
  }

  private void carry(SelectionKey key, ByteBuffer datagram) throws IOException {
    DatagramChannel from = (DatagramChannel) key.channel();
    InetSocketAddress source = (InetSocketAddress) from.receive(datagram.clear());
    while (source != null) {
      datagram.flip();
      if (from == front) {
        hand.accept(datagram);
        way(source).send(datagram, node);
      } else {
        front.send(datagram, (InetSocketAddress) key.attachment());
      }
      source = (InetSocketAddress) from.receive(datagram.clear());
    }
  }

  private DatagramChannel way(InetSocketAddress client) throws IOException {
    DatagramChannel known = ways.get(client);
    if (known == null) {
      known = channel();
      known.bind(new InetSocketAddress("127.0.0.1", 0));
      known.register(selector, SelectionKey.OP_READ, client);
      ways.put(client, known);
      all.add(known);
    }
    return known;
  }

  @Override
  public void close() throws IOException {
    selector.close();
    boolean _ = ThreadEnd.await(thread, Duration.ofSeconds(5));
    front.close();
    for (DatagramChannel channel : all) {
      channel.close();
    }
  }
}
