package dev.baton.thread;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ThreadEndTest {
  @Test
  void shouldWaitForTheEndAlsoWhenInterruptedAndKeepTheInterrupt() {
    CountDownLatch go = new CountDownLatch(1);
    Thread busy = Thread.ofPlatform().daemon().start(() -> awaitQuietly(go));
    Thread.currentThread().interrupt();
    assertFalse(ThreadEnd.await(busy, Duration.ofMillis(20)));
    assertTrue(Thread.interrupted(), "the interrupt is there again");
    Thread.currentThread().interrupt();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          pause();
          go.countDown();
        });
    assertTrue(ThreadEnd.await(busy, Duration.ofSeconds(20)));
    assertTrue(Thread.interrupted(), "the interrupt is there again");
  }

  @Test
  void shouldNotWaitForOneThatHasEnded() throws InterruptedException {
    Thread ended = Thread.ofPlatform().start(() -> {});
    ended.join();
    assertTrue(ThreadEnd.await(ended, Duration.ZERO));
    assertTrue(ThreadEnd.await(ended, Duration.ofSeconds(Long.MAX_VALUE / 2_000_000_000)));
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(50);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
