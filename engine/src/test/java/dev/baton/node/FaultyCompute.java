package dev.baton.node;

import dev.baton.fault.FaultyModel;
import dev.baton.kernel.KernelChoice;
import dev.baton.kernel.ReferenceKernels;

/** What a node computes with, where the model is made to fail. */
public final class FaultyCompute {
  private FaultyCompute() {}

  public static NodeCompute of(FaultyModel model, int blocks) {
    return new NodeCompute(
        new KernelChoice(new ReferenceKernels(), null),
        model,
        new KvRoom(model.cache(blocks), model.shape().context(), null));
  }
}
