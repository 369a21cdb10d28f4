package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.ImageFragmentAssembler;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.driver.status.SystemCounterDescriptor;
import io.aeron.logbuffer.Header;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.agrona.DirectBuffer;
import org.agrona.IoUtil;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.SystemNanoClock;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Two media drivers in this process and a stream from one to the other. What arrives is compared
 * with what was sent, byte by byte; the stream must not end.
 */
final class DriverPair implements AutoCloseable {
  static final long LIVENESS_NS = TimeUnit.SECONDS.toNanos(2);
  private static final int STREAM = 2;
  private static final StreamLimits LIMITS = new StreamLimits(STREAM, 4 << 20);

  /** How the pair is set up; {@link #usual} knows how. */
  record Settings(
      String host,
      ThreadingMode threads,
      SegmentOffload sending,
      SegmentOffload receiving,
      LossyEndpoint.Loss loss,
      int mtuBytes,
      int termBytes,
      int windowBytes,
      int socketBytes) {
    static Settings usual() {
      return new Settings(
          "127.0.0.1",
          ThreadingMode.SHARED,
          SegmentOffload.open(),
          SegmentOffload.open(),
          LossyEndpoint.NONE,
          1408,
          1 << 20,
          256 << 10,
          512 << 10);
    }

    Settings host(String address) {
      return new Settings(
          address,
          threads,
          sending,
          receiving,
          loss,
          mtuBytes,
          termBytes,
          windowBytes,
          socketBytes);
    }

    Settings threads(ThreadingMode mode) {
      return new Settings(
          host, mode, sending, receiving, loss, mtuBytes, termBytes, windowBytes, socketBytes);
    }

    Settings offload(SegmentOffload sends, SegmentOffload receives) {
      return new Settings(
          host, threads, sends, receives, loss, mtuBytes, termBytes, windowBytes, socketBytes);
    }

    Settings loss(LossyEndpoint.Loss of) {
      return new Settings(
          host, threads, sending, receiving, of, mtuBytes, termBytes, windowBytes, socketBytes);
    }

    Settings sizes(int mtu, int term, int window, int socket) {
      return new Settings(host, threads, sending, receiving, loss, mtu, term, window, socket);
    }
  }

  /** How long each message is. */
  private record Lengths(int least, int bound) {
    int of(int number) {
      return least + new SplittableRandom(number).nextInt(bound);
    }
  }

  private static final int LONGEST = 128 << 10;

  private static final StrangerLog STRANGERS =
      new StrangerLog(line -> {}, SystemNanoClock.INSTANCE);

  private final Settings settings;
  private final StreamTrust trust = StreamTrust.ofNobody();
  private final Path folder;
  private final MediaDriver sendDriver;
  private final MediaDriver receiveDriver;
  private final Aeron sender;
  private final Aeron receiver;
  private final Subscription subscription;
  private final ExclusivePublication publication;
  private final AtomicBoolean ended = new AtomicBoolean();
  final List<Throwable> errors = new CopyOnWriteArrayList<>();
  private final UnsafeBuffer message = new UnsafeBuffer(new byte[LONGEST]);
  private final UnsafeBuffer wanted = new UnsafeBuffer(new byte[LONGEST]);
  private final ImageFragmentAssembler check = new ImageFragmentAssembler(this::check);
  private Lengths lengths = new Lengths(1, 1);
  private int sentMessages;
  private int gotMessages;

  DriverPair(Settings settings) {
    this.settings = settings;
    try {
      Path memory = Path.of("/dev/shm");
      this.folder =
          Files.createTempDirectory(
              Files.isWritable(memory) ? memory : Path.of(System.getProperty("java.io.tmpdir")),
              "pair-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.sendDriver =
        MediaDriver.launch(settings.sending().install(context("send"), LIMITS, trust, STRANGERS));
    MediaDriver.Context lossy =
        settings.receiving().install(context("receive"), LIMITS, trust, STRANGERS);
    lossy.receiveChannelEndpointSupplier((channel, dispatcher, status, context) ->
        new LossyEndpoint(
            channel,
            dispatcher,
            status,
            context,
            settings.receiving(),
            new OffloadReceiveEndpoint.Gate(LIMITS, trust, STRANGERS),
            settings.loss()));
    this.receiveDriver = MediaDriver.launch(lossy);
    this.sender = client(sendDriver);
    this.receiver = client(receiveDriver);
    this.subscription =
        receiver.addSubscription(
            "aeron:udp?endpoint=" + settings.host() + ":0",
            STREAM,
            image -> {},
            image -> ended.set(true));
    await(() -> !subscription.localSocketAddresses().isEmpty());
    this.publication =
        sender.addExclusivePublication(
            "aeron:udp?endpoint=" + endpoint() + "|term-length=" + settings.termBytes(), STREAM);
    await(() -> publication.isConnected() && subscription.imageCount() > 0);
  }

  private MediaDriver.Context context(String name) {
    return new MediaDriver.Context()
        .aeronDirectoryName(folder.resolve(name).toString())
        .dirDeleteOnShutdown(true)
        .threadingMode(settings.threads())
        .sharedIdleStrategy(idle())
        .sharedNetworkIdleStrategy(idle())
        .senderIdleStrategy(idle())
        .receiverIdleStrategy(idle())
        .conductorIdleStrategy(idle())
        .errorHandler(errors::add)
        .mtuLength(settings.mtuBytes())
        .initialWindowLength(settings.windowBytes())
        .socketRcvbufLength(settings.socketBytes())
        .socketSndbufLength(settings.socketBytes())
        .imageLivenessTimeoutNs(LIVENESS_NS)
        .publicationConnectionTimeoutNs(LIVENESS_NS)
        .publicationLingerTimeoutNs(0)
        .timerIntervalNs(TimeUnit.MILLISECONDS.toNanos(100))
        .spiesSimulateConnection(false);
  }

  private static IdleStrategy idle() {
    return new BackoffIdleStrategy(10, 10, 1_000, 200_000);
  }

  private static Aeron client(MediaDriver driver) {
    return Aeron.connect(
        new Aeron.Context()
            .aeronDirectoryName(driver.aeronDirectoryName())
            .useConductorAgentInvoker(true));
  }

  /** Where the receiver listens. */
  String endpoint() {
    return subscription.localSocketAddresses().getFirst();
  }

  long sent(SystemCounterDescriptor counter) {
    return sendDriver.context().systemCounters().get(counter).get();
  }

  long received(SystemCounterDescriptor counter) {
    return receiveDriver.context().systemCounters().get(counter).get();
  }

  /** Bytes of the stream so far, headers and padding included. */
  long position() {
    return publication.position();
  }

  /** Streams that the receiver has taken. */
  int images() {
    return subscription.imageCount();
  }

  /** Bytes of the files of the receiver's streams. */
  long receiverBytes() {
    try (Stream<Path> files = Files.walk(folder.resolve("receive"))) {
      return files
          .filter(file -> file.toString().endsWith(".logbuffer"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void await(BooleanSupplier condition) {
    long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() - deadlineNs < 0, () -> "waited in vain; errors: " + errors);
      work();
      Thread.onSpinWait();
    }
  }

  /** Lets so much time pass. */
  void rest(long ms) {
    long untilNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
    await(() -> System.nanoTime() - untilNs >= 0);
  }

  private void work() {
    sender.conductorAgentInvoker().invoke();
    receiver.conductorAgentInvoker().invoke();
  }

  /** Moves so many bytes in messages of random lengths and compares all of them. */
  void transfer(long bytes, int longestMessage) {
    transfer(bytes, 1, longestMessage);
  }

  /**
   * Moves so many bytes in messages of random lengths and compares all of them. The length and what
   * is in a message follow from its number.
   */
  void transfer(long bytes, int shortestMessage, int longestMessage) {
    lengths = new Lengths(shortestMessage, longestMessage - shortestMessage + 1);
    IdleStrategy idle = idle();
    Image image = subscription.imageAtIndex(0);
    long left = bytes;
    long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(50);
    while (left > 0 || gotMessages < sentMessages) {
      int work = image.poll(check, 64);
      for (int i = 0; i < 16 && left > 0; i++) {
        int length = offer();
        if (length == 0) {
          break;
        }
        left -= length;
        work++;
      }
      work();
      assertFalse(ended.get(), "the receiver gave the stream up");
      assertTrue(
          System.nanoTime() - deadlineNs < 0,
          () -> "stuck at " + gotMessages + " of " + sentMessages + "; errors: " + errors);
      idle.idle(work);
    }
  }

  /** All messages are so long from now on. */
  void lengths(int messageBytes) {
    lengths = new Lengths(messageBytes, 1);
  }

  /** Offers the next message once; returns its length, or 0 when it was not taken now. */
  int offer() {
    int length = lengths.of(sentMessages);
    fill(message, sentMessages, length);
    long result = publication.offer(message, 0, length);
    assertTrue(result != ExclusivePublication.CLOSED, () -> "the publication ended: " + errors);
    if (result < 0) {
      return 0;
    }
    sentMessages++;
    return length;
  }

  /** Takes so many messages more, and not a frame beyond. */
  void take(int messages) {
    int until = gotMessages + messages;
    Image image = subscription.imageAtIndex(0);
    await(() -> {
      assertFalse(ended.get(), "the receiver gave the stream up");
      image.poll(check, 1);
      return gotMessages == until;
    });
  }

  /** Takes messages that have arrived in one piece, so that only their end is told the sender. */
  void takeAtOnce(int messages) {
    int until = gotMessages + messages;
    int frames = Math.ceilDiv(lengths.of(until), publication.maxPayloadLength());
    assertEquals(messages * frames, subscription.imageAtIndex(0).poll(check, messages * frames));
    assertEquals(until, gotMessages);
  }

  private void check(DirectBuffer buffer, int offset, int length, Header header) {
    int number = gotMessages++;
    assertEquals(lengths.of(number), length, "length of " + number);
    fill(wanted, number, length);
    for (int i = 0; i < length; i++) {
      if (wanted.getByte(i) != buffer.getByte(offset + i)) {
        throw new AssertionError("byte " + i + " of message " + number);
      }
    }
  }

  private static void fill(UnsafeBuffer buffer, int number, int length) {
    int value = number * 31;
    int at = 0;
    for (; at + Long.BYTES <= length; at += Long.BYTES) {
      value = value * 1664525 + 1013904223;
      buffer.putLong(at, ((long) value << 32) | (at ^ value));
    }
    for (; at < length; at++) {
      buffer.putByte(at, (byte) (value + at));
    }
  }

  @Override
  public void close() {
    sender.close();
    receiver.close();
    sendDriver.close();
    receiveDriver.close();
    IoUtil.delete(folder.toFile(), true);
  }
}
