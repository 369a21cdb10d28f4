package dev.baton.bench.stream;

import dev.baton.bench.report.Spread;
import dev.baton.bench.report.WrongResult;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.Kernels;
import dev.baton.kernel.KernelsConfig;
import dev.baton.kvstream.ClusterKey;
import dev.baton.kvstream.KvSink;
import dev.baton.kvstream.StreamConfig;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/**
 * Measures raw Aeron, the full path and the cipher in turns, round by round, so that what disturbs
 * the machine disturbs all of them; both ends of both live the whole time and nap while it is not
 * their turn.
 */
final class LinkComparison implements AutoCloseable {
  private static final int MIN_ROUNDS = 3;
  private static final int WARM_UP_SHARE = 4;
  private static final long CIPHER_ROUND_NS = TimeUnit.MILLISECONDS.toNanos(200);

  private final UnaryOperator<KvSink> interference;
  private final Kernels kernels;

  /**
   * @param interference stands between the stream and the destination; the identity, except in a
   *     test of the comparison
   */
  LinkComparison(UnaryOperator<KvSink> interference) {
    this.interference = interference;
    this.kernels =
        KernelChoice.open(KernelsConfig.fromEnvironment(System.getenv()).withThreads(1)).kernels();
  }

  /**
   * Measures one shape at one MTU for about {@code seconds}, at least three rounds.
   *
   * @throws WrongResult when bytes arrived wrong
   */
  LinkResult measure(Shape shape, int mtuBytes, double seconds, boolean cipher)
      throws InterruptedException, GeneralSecurityException {
    StreamConfig.Builder config =
        StreamConfig.builder().mtuBytes(mtuBytes).leaseNs(TwoNodes.LEASE.toNanos());
    StreamConfig.Builder keyed =
        StreamConfig.builder()
            .mtuBytes(mtuBytes)
            .leaseNs(TwoNodes.LEASE.toNanos())
            .clusterKey(ClusterKey.random(new SecureRandom()));
    long budgetNs = Math.round(seconds * 1e9);
    try (CachePair caches = new CachePair(shape, kernels);
        FullPath full = new FullPath(shape, config, kernels, caches, interference);
        FullPath sealed = new FullPath(shape, keyed, kernels, caches, interference);
        RawStream raw = new RawStream(config.build())) {
      long warmUntilNs = System.nanoTime() + budgetNs / WARM_UP_SHARE;
      do {
        full.move();
        if (cipher) {
          sealed.move();
        }
        raw.move(shape.bytes(), full.messageBytes());
      } while (System.nanoTime() < warmUntilNs);
      Rounds rounds = new Rounds(shape, mtuBytes, full.messageBytes());
      AesGcm aes = new AesGcm(full.messageBytes());
      if (cipher) {
        aes.round(5 * CIPHER_ROUND_NS);
      }
      long untilNs = System.nanoTime() + budgetNs;
      while (rounds.count() < MIN_ROUNDS || System.nanoTime() < untilNs) {
        rounds.raw.add(raw.move(shape.bytes(), full.messageBytes()));
        rounds.full.add(full.move());
        if (cipher) {
          rounds.copied.add(
              raw.move(shape.bytes(), full.messageBytes(), caches.from(), caches.to()));
          rounds.sealed.add(sealed.move());
          rounds.aes.add(aes.round(CIPHER_ROUND_NS));
        }
      }
      return rounds.result();
    }
  }

  /** What the rounds gave so far. */
  private static final class Rounds {
    private final Shape shape;
    private final int mtuBytes;
    private final int messageBytes;
    private final List<Round> raw = new ArrayList<>();
    private final List<Round> copied = new ArrayList<>();
    private final List<Round> full = new ArrayList<>();
    private final List<Round> sealed = new ArrayList<>();
    private final List<AesGcm.Rates> aes = new ArrayList<>();

    Rounds(Shape shape, int mtuBytes, int messageBytes) {
      this.shape = shape;
      this.mtuBytes = mtuBytes;
      this.messageBytes = messageBytes;
    }

    int count() {
      return full.size();
    }

    LinkResult result() {
      List<Double> rawRates = rates(raw);
      List<Double> fullRates = rates(full);
      return new LinkResult(
          shape.name(),
          mtuBytes,
          shape.bytes(),
          messageBytes,
          way(raw),
          way(full),
          Spread.ofRatios(fullRates, rawRates),
          aes.isEmpty() ? null : keyed(fullRates),
          -1);
    }

    private LinkResult.Keyed keyed(List<Double> fullRates) {
      return new LinkResult.Keyed(
          way(copied),
          Spread.ofRatios(fullRates, rates(copied)),
          Spread.of(aes.stream().map(AesGcm.Rates::encrypt).toList()),
          Spread.of(aes.stream().map(AesGcm.Rates::decrypt).toList()),
          way(sealed),
          Spread.ofRatios(rates(sealed), slowest()));
    }

    private static LinkResult.Way way(List<Round> rounds) {
      return new LinkResult.Way(Spread.of(rates(rounds)), cpu(rounds));
    }

    /** The slower of raw Aeron and the cipher, whose two directions have a core each. */
    private List<Double> slowest() {
      List<Double> rates = rates(raw);
      for (int i = 0; i < aes.size(); i++) {
        AesGcm.Rates cipher = aes.get(i);
        rates.set(i, Math.min(rates.get(i), Math.min(cipher.encrypt(), cipher.decrypt())));
      }
      return rates;
    }

    private static List<Double> rates(List<Round> rounds) {
      return new ArrayList<>(rounds.stream().map(Round::megabytesPerSecond).toList());
    }

    /** By role the mean over all rounds, as the kernel counts CPU time in coarse steps. */
    private static Map<String, Double> cpu(List<Round> rounds) {
      double bytes = rounds.stream().mapToLong(Round::bytes).sum();
      Map<String, Double> sum = new TreeMap<>();
      for (Round round : rounds) {
        round.cpuNs().forEach((role, ns) -> sum.merge(role, ns / bytes, Double::sum));
      }
      return sum;
    }
  }

  @Override
  public void close() {
    kernels.close();
  }
}
