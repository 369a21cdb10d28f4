package dev.baton.bench.stream;

import dev.baton.bench.micro.MovedBytes;
import java.security.GeneralSecurityException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The JDK's AES-256-GCM on messages of the size of a datagram, on one thread, buffers off the heap.
 *
 * <p>Inside the window: a new nonce, {@code init} and {@code doFinal} for each of {@link
 * AesGcm#BATCH} messages. Outside: the key, the buffers. Proved before: what is decrypted is what
 * was encrypted.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 700, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class CipherBenchmark {
  @Param({"1344", "65440"})
  private int messageBytes;

  private AesGcm cipher;

  @Setup
  public void prepare() throws GeneralSecurityException {
    cipher = new AesGcm(messageBytes);
    cipher.round(1);
  }

  @Benchmark
  public void seal(MovedBytes moved) throws GeneralSecurityException {
    for (int i = 0; i < AesGcm.BATCH; i++) {
      cipher.seal(i);
    }
    moved.movedBytes += (long) AesGcm.BATCH * messageBytes;
  }

  @Benchmark
  public void open(MovedBytes moved) throws GeneralSecurityException {
    for (int i = 0; i < AesGcm.BATCH; i++) {
      cipher.open(i);
    }
    moved.movedBytes += (long) AesGcm.BATCH * messageBytes;
  }
}
