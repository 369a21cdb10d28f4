package dev.baton.node;

import dev.baton.arch.ModelException;
import dev.baton.ggml.GgmlException;
import dev.baton.kernel.KvGeometry;
import dev.baton.kv.KvPool;
import dev.baton.model.ModelBackend;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The room that a node has for KV: its blocks, and the context that it serves.
 *
 * @param pool the caller closes it
 * @param contextTokens the longest prompt and answer together, at most the model's own context
 * @param notice one line for people where memory says how long that is, or does not have it
 */
record KvRoom(KvPool pool, int contextTokens, @Nullable String notice) {
  /** What no context is made shorter than because memory is small. */
  static final int LEAST_CONTEXT_TOKENS = 512;

  private static final int MOST_BLOCKS = Integer.MAX_VALUE / KvGeometry.BLOCK_TOKENS;
  private static final double GB = 1e9;

  /**
   * Takes the room.
   *
   * @param model loaded
   * @param freeBytes memory for KV
   * @param contexts so many whole ones, where they fit
   * @throws ModelException when the system refuses also the least, with what it would not
   */
  static KvRoom of(KvDemand demand, ModelBackend model, long freeBytes, int contexts) {
    int own = model.shape().context();
    int context = demand.contextTokens() > 0 ? demand.contextTokens() : own;
    int perContext = KvPool.blocksFor(context);
    if (demand.cacheTokens() > 0) {
      int blocks = KvPool.blocksFor(demand.cacheTokens());
      return new KvRoom(take(model, blocks, blocks, KvDemand.ROOM_OPTION), context, null);
    }
    long fitting = freeBytes / model.kvGeometry().blockBytes();
    boolean asked = demand.contextTokens() > 0;
    int least = asked ? perContext : KvPool.blocksFor(Math.min(own, LEAST_CONTEXT_TOKENS));
    long wanted = Math.max(least, Math.min((long) contexts * perContext, fitting));
    KvPool pool = take(model, (int) Math.min(wanted, MOST_BLOCKS), least, KvDemand.CONTEXT_OPTION);
    int served = (int) Math.min(context, tokens(pool.totalBlocks()));
    return new KvRoom(pool, served, notice(model, asked, served, fitting));
  }

  private static @Nullable String notice(
      ModelBackend model, boolean asked, int served, long fitting) {
    if (!asked && served < model.shape().context()) {
      return String.format(
          Locale.ROOT,
          "memory limits the context to %d of the model's %d tokens; %s sets another, which takes"
              + " %.2f GB for each 10000 tokens that are used",
          served,
          model.shape().context(),
          KvDemand.CONTEXT_OPTION,
          gigabytes(model, 10_000.0 / KvGeometry.BLOCK_TOKENS));
    }
    if (asked && KvPool.blocksFor(served) > fitting) {
      return String.format(
          Locale.ROOT,
          "a context of %d tokens takes %.2f GB when it is full, and memory has %.2f GB for it:"
              + " this process may then be ended; %s %d fits",
          served,
          gigabytes(model, KvPool.blocksFor(served)),
          gigabytes(model, (double) fitting),
          KvDemand.CONTEXT_OPTION,
          Math.max(tokens(fitting), KvGeometry.BLOCK_TOKENS));
    }
    return null;
  }

  /** Fewer and fewer blocks as long as the system refuses them, but no less than the least. */
  private static KvPool take(ModelBackend model, int wanted, int least, String option) {
    for (int blocks = wanted; ; blocks = Math.max(least, blocks / 2)) {
      try {
        return model.cache(blocks);
      } catch (ModelException e) {
        if (blocks <= least) {
          throw refused(model, least, option, e);
        }
      } catch (GgmlException e) {
        if (blocks <= least) {
          throw e; // says what the device lacks and what to do
        }
      }
    }
  }

  private static ModelException refused(
      ModelBackend model, int blocks, String option, ModelException cause) {
    long fits = 0;
    for (int fewer = blocks / 2; fewer > 0 && fits == 0; fewer /= 2) {
      try (KvPool tried = model.cache(fewer)) {
        fits = tokens(tried.totalBlocks());
      } catch (ModelException _) {
        // Still too many.
      }
    }
    return new ModelException(
        String.format(
            Locale.ROOT,
            "no room for a KV cache of %d tokens: the system refuses %.2f GB; %s",
            tokens(blocks),
            gigabytes(model, blocks),
            fits > 0
                ? option + " " + fits + " fits"
                : "use a smaller model, or raise the limit of this process (ulimit -v)"),
        cause);
  }

  private static long tokens(long blocks) {
    return blocks * KvGeometry.BLOCK_TOKENS;
  }

  private static double gigabytes(ModelBackend model, double blocks) {
    return blocks * model.kvGeometry().blockBytes() / GB;
  }
}
