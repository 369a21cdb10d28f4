package dev.baton.kvstream.message;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.kvstream.codec.GoodbyeDecoder;
import dev.baton.kvstream.codec.MessageHeaderDecoder;
import dev.baton.kvstream.codec.MessageHeaderEncoder;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class FrameTest {
  private final Frame frame = new Frame();
  private final ControlWriter writer = new ControlWriter();

  @Test
  void shouldRefuseAMessageThatIsShorterThanItsHeaderOrItsBlock() {
    int length = writer.leaseRenewal(1, 2, 3);
    for (int cut = 0; cut < length; cut++) {
      int shorter = cut;
      assertThrows(MalformedMessage.class, () -> frame.wrap(writer.buffer(), 0, shorter));
    }
    frame.wrap(writer.buffer(), 0, length);
    assertEquals(0, frame.restLength());
  }

  @Test
  void shouldRefuseAnotherSchemaVersionAndBlock() {
    int length = writer.leaseRenewal(1, 2, 3);
    MessageHeaderEncoder header = new MessageHeaderEncoder().wrap(writer.buffer(), 0);
    assertThrows(
        MalformedMessage.class, () -> frame.wrap(writer.buffer(), 0, length).requireBlock(16));
    header.version(MessageHeaderDecoder.SCHEMA_VERSION + 1);
    assertThrows(
        MalformedMessage.class, () -> frame.wrap(writer.buffer(), 0, length).requireBlock(24));
    header.schemaId(MessageHeaderDecoder.SCHEMA_ID + 1);
    assertThrows(MalformedMessage.class, () -> frame.wrap(writer.buffer(), 0, length));
  }

  @Test
  void shouldTakeExactlyTheTextsThatAreThere() {
    int length = writer.goodbye("bye");
    UnsafeBuffer message = new UnsafeBuffer(new byte[length + 1]);
    message.putBytes(0, writer.buffer(), 0, length);
    frame.wrap(message, 0, length).requireTexts(message, 1);
    assertThrows(
        MalformedMessage.class, () -> frame.wrap(message, 0, length + 1).requireTexts(message, 1));
    assertThrows(
        MalformedMessage.class, () -> frame.wrap(message, 0, length).requireTexts(message, 2));
    assertThrows(
        MalformedMessage.class, () -> frame.wrap(message, 0, length).requireTexts(message, 0));
    for (int cut = MessageHeaderDecoder.ENCODED_LENGTH; cut < length; cut++) {
      int shorter = cut;
      assertThrows(
          MalformedMessage.class, () -> frame.wrap(message, 0, shorter).requireTexts(message, 1));
    }
    assertEquals(GoodbyeDecoder.TEMPLATE_ID, frame.templateId());
  }

  @Test
  void shouldReadTheLeadingTextOfAnotherVersionOnlyWhenItIsAllThere() {
    int length = writer.goodbye("bye");
    new MessageHeaderEncoder().wrap(writer.buffer(), 0).version(9);
    frame.wrap(writer.buffer(), 0, length).requireLeadingText(writer.buffer(), 0);
    assertTrue(frame.restLength() > 0);
    assertThrows(
        MalformedMessage.class,
        () -> frame.wrap(writer.buffer(), 0, length).requireLeadingText(writer.buffer(), 8));
    for (int cut = MessageHeaderDecoder.ENCODED_LENGTH; cut < length; cut++) {
      int shorter = cut;
      assertThrows(
          MalformedMessage.class,
          () -> frame.wrap(writer.buffer(), 0, shorter).requireLeadingText(writer.buffer(), 0));
    }
  }
}
