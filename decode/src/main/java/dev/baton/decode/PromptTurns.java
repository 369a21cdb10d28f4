package dev.baton.decode;

import dev.baton.schedule.StepBudget;
import dev.baton.schedule.Turns;
import java.util.List;

/**
 * Which prompts get on in a step of the decode loop, and by how much: those whose turn it is, as
 * long as the step has time. Chunks of prompts that are computed here and of those that a prefill
 * node sends stand in one line. Allocates nothing in the steady state; the decode thread's.
 */
final class PromptTurns {
  private final Turns<DecodeSession> turns = new Turns<>();
  private final StepBudget budget;

  PromptTurns(StepBudget budget) {
    this.budget = budget;
  }

  /** Shares a step out: each session knows then what it may run ({@link DecodeSession#granted}). */
  void allot(List<DecodeSession> active, long nowNs) {
    turns.removeIf(PromptTurns::isThrough);
    int decodeRows = 0;
    long waitedNs = 0;
    for (int i = 0; i < active.size(); i++) {
      DecodeSession session = active.get(i);
      session.offer();
      if (session.pending() == 1) {
        decodeRows++;
        waitedNs = Math.max(waitedNs, session.waitedNs(nowNs));
      } else if (session.isInPrefill() && !turns.contains(session)) {
        turns.add(session);
      }
    }
    budget.begin(decodeRows, waitedNs);
    DecodeSession next = turns.peek();
    while (next != null && next.take(budget)) {
      turns.served(next);
      next = turns.peek();
    }
  }

  private static boolean isThrough(DecodeSession session) {
    return !session.isInPrefill();
  }
}
