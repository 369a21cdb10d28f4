package dev.baton.kvstream.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.aeron.protocol.SetupFlyweight;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

/** Who is let in, by a clock of the test's own. */
class StreamAdmissionTest {
  private static final long PLACE_NS = TimeUnit.SECONDS.toNanos(20);
  private static final int SHORT_TERM = 64 << 10;

  private final StreamTrust trust = StreamTrust.ofNobody();
  private final StreamAdmission admission = new StreamAdmission(trust, PLACE_NS);
  private int sessions;

  private static InetSocketAddress from(int host) {
    return new InetSocketAddress("127.0." + host / 250 + "." + (1 + host % 250), 4000);
  }

  private SetupFlyweight setup(int termBytes) {
    SetupFlyweight setup =
        new SetupFlyweight(new UnsafeBuffer(new byte[SetupFlyweight.HEADER_LENGTH]));
    setup.sessionId(++sessions).streamId(1).termLength(termBytes);
    return setup;
  }

  private boolean enters(int host, int termBytes, long nowNs) {
    AdmittedStream made = admission.admitStranger(setup(termBytes), from(host), nowNs);
    if (made != null) {
      made.heard(80, nowNs);
    }
    return made != null;
  }

  @Test
  void shouldTakeTheCookieOfThisStreamAndSourceForAWhileOnly() {
    long nowNs = TimeUnit.SECONDS.toNanos(100);
    long cookie = admission.cookie(7, 1, from(1), nowNs);
    assertTrue(admission.isCookie(cookie, 7, 1, from(1), nowNs + TimeUnit.SECONDS.toNanos(10)));
    assertFalse(admission.isCookie(cookie, 7, 1, from(1), nowNs + TimeUnit.SECONDS.toNanos(30)));
    assertFalse(admission.isCookie(cookie, 8, 1, from(1), nowNs));
    assertFalse(admission.isCookie(cookie, 7, 2, from(1), nowNs));
    assertFalse(admission.isCookie(cookie, 7, 1, from(2), nowNs));
    assertFalse(admission.isCookie(cookie, 7, 1, new InetSocketAddress("127.0.0.2", 4001), nowNs));
  }

  @Test
  void shouldShowTheSecretByADifferentTagForEachCookieAndStream() {
    byte[] secret = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    StreamTrust one = new StreamTrust(secret);
    assertEquals(one.tag(5, 7, 1), new StreamTrust(secret).tag(5, 7, 1));
    assertNotEquals(one.tag(5, 7, 1), trust.tag(5, 7, 1));
    assertNotEquals(one.tag(5, 7, 1), one.tag(6, 7, 1));
    assertNotEquals(one.tag(5, 7, 1), one.tag(5, 8, 1));
    assertNotEquals(one.tag(5, 7, 1), one.tag(5, 7, 2));
  }

  @Test
  void shouldGiveStrangersFewPlacesAndAnAddressFewerAndTakeThemBack() {
    int entered = 0;
    for (int i = 0; i < 20; i++) {
      entered += enters(1, SHORT_TERM, 0) ? 1 : 0;
    }
    assertEquals(8, entered);
    assertTrue(enters(2, SHORT_TERM, 0), "another address has its own");
    for (int host = 3; host < 100; host++) {
      entered += enters(host, SHORT_TERM, 0) ? 1 : 0;
    }
    assertTrue(entered < 32, entered + " places");
    assertFalse(enters(200, SHORT_TERM, PLACE_NS - 1));
    assertTrue(enters(200, SHORT_TERM, PLACE_NS));
  }

  @Test
  void shouldBoundWhatStrangersFilesTakeAndKeepTheirTermsAsTheyWere() {
    assertFalse(enters(1, 8 << 20, 0));
    assertTrue(enters(1, 4 << 20, 0));
    assertFalse(enters(2, 2 << 20, 0));
    AdmittedStream small = admission.admitStranger(setup(SHORT_TERM), from(3), 0);
    assertNotNull(small);
    assertTrue(small.takesTerms(SHORT_TERM));
    assertFalse(small.takesTerms(2 * SHORT_TERM));
  }

  @Test
  void shouldLetThoseInWhoAreKnownHoweverManyStrangersThereAre() {
    for (int host = 0; host < 100; host++) {
      enters(host, SHORT_TERM, 0);
    }
    assertNull(admission.find(5000, 1, from(7)));
    AdmittedStream known = admission.admit(5000, 1, from(7));
    assertEquals(known, admission.find(5000, 1, from(7)));
    assertFalse(known.isStrange());
    assertTrue(known.takesTerms(16 << 20));
    assertNull(admission.find(5000, 1, from(8)));
    SetupFlyweight stolen = setup(SHORT_TERM).sessionId(5000);
    assertNull(admission.admitStranger(stolen, from(200), PLACE_NS), "it is another's");
  }

  @Test
  void shouldFreeThePlacesOfStrangersThatTheNodeHasGotToKnow() {
    List<Integer> inside = new ArrayList<>();
    while (enters(1, SHORT_TERM, 0)) {
      inside.add(sessions);
    }
    inside.forEach(session -> trust.vouchFor(session, 1));
    assertTrue(enters(1, SHORT_TERM, 0));
    assertFalse(Objects.requireNonNull(admission.find(inside.getFirst(), 1, from(1))).isStrange());
  }

  @Test
  void shouldSendAStrangerNoMoreThanItSends() {
    AdmittedStream stranger =
        Objects.requireNonNull(admission.admitStranger(setup(SHORT_TERM), from(1), 0));
    stranger.heard(80, 0);
    assertTrue(stranger.takeAnswer(40));
    assertTrue(stranger.takeAnswer(36));
    assertFalse(stranger.takeAnswer(36));
    stranger.heard(32, 0);
    assertTrue(stranger.takeAnswer(36));
    stranger.heard(300, 0);
    int more = 0;
    while (stranger.takeAnswer(36)) {
      more += 36;
    }
    assertTrue(112 + more + SetupQuota.BYTES <= 412, more + " bytes, and what answers a greeting");
  }

  @Test
  void shouldAskTheReceiverOfAnAnswerFourTimesWithLongerPauses() {
    SetupQuota ration = new SetupQuota();
    List<Long> asked = new ArrayList<>();
    for (long ms = 0; ms < 20_000; ms += 100) {
      if (ration.take(TimeUnit.MILLISECONDS.toNanos(ms))) {
        asked.add(ms);
      }
    }
    assertEquals(List.of(0L, 100L, 400L, 1300L), asked);
    assertEquals(160, SetupQuota.BYTES);
  }

  @Test
  void shouldSpeakOfStrangersOnceAMinute() {
    List<String> lines = new ArrayList<>();
    long[] nowNs = {0};
    StrangerLog strangers = new StrangerLog(lines::add, () -> nowNs[0]);
    for (int i = 0; i < 15; i++) {
      strangers.note(StrangerLog.Kind.SILENT, from(i));
    }
    strangers.takeBack();
    strangers.note(StrangerLog.Kind.SILENT, from(1));
    assertEquals(List.of(), lines, "a few are late or lost");
    strangers.note(StrangerLog.Kind.OTHER_KEY, from(1));
    assertEquals(
        List.of(
            "strangers at this node: 1 greetings with another cluster key, the last from"
                + " 127.0.0.2:4000"),
        lines);
    for (int i = 0; i < 1000; i++) {
      strangers.note(StrangerLog.Kind.SILENT, from(i));
      nowNs[0] += TimeUnit.MILLISECONDS.toNanos(59);
      strangers.sayWhatIsDue();
    }
    assertEquals(1, lines.size());
    nowNs[0] += TimeUnit.SECONDS.toNanos(2);
    strangers.sayWhatIsDue();
    assertEquals(
        "strangers at this node: 1000 datagrams of sources that proved nothing, the last from"
            + " 127.0.3.250:4000",
        lines.getLast());
    nowNs[0] += TimeUnit.MINUTES.toNanos(2);
    strangers.sayWhatIsDue();
    assertEquals(2, lines.size());
  }
}
