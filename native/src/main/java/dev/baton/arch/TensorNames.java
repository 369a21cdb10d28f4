package dev.baton.arch;

/**
 * What GGUF calls the tensors of a model. Source: the GGUF specification, "Standardized tensor
 * names".
 */
public final class TensorNames {
  public static final String EMBEDDING = "token_embd.weight";
  public static final String OUTPUT_NORM = "output_norm.weight";
  public static final String OUTPUT = "output.weight";
  public static final String ROPE_FACTORS = "rope_freqs.weight";

  /** The tensors of a layer. */
  public enum Role {
    ATTENTION_NORM("attn_norm"),
    Q("attn_q"),
    K("attn_k"),
    V("attn_v"),
    Q_NORM("attn_q_norm"),
    K_NORM("attn_k_norm"),
    ATTENTION_OUT("attn_output"),
    FFN_NORM("ffn_norm"),
    GATE("ffn_gate"),
    UP("ffn_up"),
    DOWN("ffn_down");

    private final String part;

    Role(String part) {
      this.part = part;
    }

    /** The name of this tensor in a layer. */
    public String in(int layer) {
      return "blk." + layer + "." + part + ".weight";
    }
  }

  private TensorNames() {}

  /** The tensor that serves as the output matrix. */
  public static String output(boolean tied) {
    return tied ? EMBEDDING : OUTPUT;
  }
}
