package dev.baton.kvstream.message;

import dev.baton.kvstream.ChunkSchedule;
import dev.baton.kvstream.PrefillOrder;
import dev.baton.kvstream.Prompt;
import dev.baton.kvstream.Stage;
import dev.baton.kvstream.Urgency;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.PrefillOrderDecoder;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/** Reads orders off the control stream; bounds first. Stream thread only. */
public final class OrderReader {
  private static final int HASH_BYTES = 32;

  private final PrefillOrderDecoder order = new PrefillOrderDecoder();

  /**
   * Reads an order.
   *
   * @throws MalformedMessage when it is cut off, changed, or none
   * @throws IllegalArgumentException when its numbers make no order
   */
  public PrefillOrder read(Frame frame, DirectBuffer buffer) {
    frame.requireBlock(PrefillOrderDecoder.BLOCK_LENGTH);
    int entry = PrefillOrderDecoder.GivenDecoder.sbeBlockLength();
    int texts = frame.afterGroup(buffer, frame.restOffset(), entry);
    int bytes = frame.afterText(buffer, frame.afterText(buffer, texts));
    int positions = frame.afterBytes(buffer, bytes);
    int tokens = frame.afterBytes(buffer, positions);
    frame.requireEnd(frame.afterBytes(buffer, tokens));
    order.wrap(buffer, frame.bodyOffset(), frame.blockLength(), frame.version());
    List<Prompt.Given> given = given();
    String node = Frame.printable(order.inputNode());
    String adapter = Frame.printable(order.adapter());
    if (order.saltLength() > Prompt.MOST_SALT) {
      throw new MalformedMessage("an order with a salt of " + order.saltLength() + " bytes");
    }
    byte[] salt = new byte[order.saltLength()];
    order.getSalt(salt, 0, salt.length);
    Prompt prompt =
        new Prompt(
            numbers(buffer, tokens),
            order.firstToken(),
            given,
            numbers(buffer, positions),
            salt,
            adapter);
    PrefillOrder wanted =
        new PrefillOrder(
            order.sessionId(),
            prompt,
            stage(node),
            new ChunkSchedule(order.chunkTokens(), order.lastChunkTokens()),
            WireCodes.wireType(order.wireType()),
            new Urgency(WireCodes.priority(order.priority()), order.deadlineMs()));
    if (OrderDigest.of(wanted) != order.digest()) {
      throw new MalformedMessage("an order that was changed on its way");
    }
    return wanted;
  }

  /** What goes with the order just read. */
  public Credit credit() {
    return new Credit(order.creditBytes(), order.rowsLimit());
  }

  private List<Prompt.Given> given() {
    PrefillOrderDecoder.GivenDecoder group = order.given();
    if (group.count() > Prompt.MOST_RUNS) {
      throw new MalformedMessage("an order with " + group.count() + " runs of given rows");
    }
    List<Prompt.Given> runs = new ArrayList<>();
    for (PrefillOrderDecoder.GivenDecoder run : group) {
      byte[] hash = new byte[HASH_BYTES];
      run.getHash(hash, 0, hash.length);
      runs.add(new Prompt.Given(run.firstToken(), run.tokens(), hash));
    }
    return runs;
  }

  private Stage stage(String node) {
    Stage.Input input =
        switch (order.input()) {
          case 0 -> new Stage.Embedding();
          case 1 -> new Stage.RowsOf(node, order.inputTicket());
          default -> throw new MalformedMessage("an order of input " + order.input());
        };
    if (order.sendsState() > 1) {
      throw new MalformedMessage("an order of state " + order.sendsState());
    }
    return new Stage(
        order.fromLayer(),
        order.toLayer(),
        input,
        order.sendsState() == 1,
        WireCodes.rows(order.sendsRows()),
        order.rowsTicket());
  }

  private static int[] numbers(DirectBuffer buffer, int from) {
    int lengthBytes = buffer.getInt(from, MessageHeaderDecoder.BYTE_ORDER);
    if (lengthBytes % Integer.BYTES != 0) {
      throw new MalformedMessage("an order with a part of " + lengthBytes + " bytes");
    }
    int[] numbers = new int[lengthBytes / Integer.BYTES];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] =
          buffer.getInt(from + Integer.BYTES + i * Integer.BYTES, MessageHeaderDecoder.BYTE_ORDER);
    }
    return numbers;
  }
}
