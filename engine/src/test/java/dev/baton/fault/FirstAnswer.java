package dev.baton.fault;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import dev.baton.Generation;

/**
 * An engine as a process: connects to a prefill node, answers a first prompt with an automatic
 * split, and prints how long that waited for measurements, nanoseconds.
 */
final class FirstAnswer {
  private FirstAnswer() {}

  public static void main(String[] arguments) throws InterruptedException {
    BatonConfig config =
        BatonConfig.builder(BatonProcess.TINY).prefill(arguments[0]).threads(1).build();
    try (Baton baton = Baton.open(config)) {
      while (baton.prefillTrouble().isPresent()) {
        Thread.sleep(5);
      }
      GenerateRequest request = GenerateRequest.of(arguments[1]).withMaxTokens(2);
      try (Generation answer = baton.generate(request)) {
        while (answer.next() != null) {
          // Only the report counts.
        }
        System.out.println(answer.report().times().measuringNs());
      }
    }
  }
}
