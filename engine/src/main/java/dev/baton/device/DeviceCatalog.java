package dev.baton.device;

import dev.baton.catalog.NearestName;
import dev.baton.device.ModelArchitecture.Experts;
import dev.baton.device.ModelArchitecture.FeedForward;
import dev.baton.device.ModelArchitecture.Latent;
import dev.baton.device.ModelArchitecture.Vocabulary;
import dev.baton.device.ModelArchitecture.Windows;
import dev.baton.device.SpeedModel.Kernels;
import dev.baton.device.SpeedModel.Prefill;
import dev.baton.plan.SpeedProfile;
import dev.baton.plan.SpeedProfile.ChunkPoint;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The devices and models Baton knows from data sheets, and how fast the one computes the other by a
 * fit of published speeds. Immutable, any thread.
 *
 * <p>A device or model that is not in the files is made with its record's constructor; {@link
 * #profile} takes it like any other.
 */
public final class DeviceCatalog {
  private static final int[] CHUNK_TOKENS = {
    1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192
  };

  /** The sequences of a small batch: up to there a step is taken as linear in them. */
  private static final int FEW = 4;

  /** Up to there a step is taken as linear in the context. */
  private static final int LONG_CONTEXT = 8192;

  private final Map<String, Device> devices = new LinkedHashMap<>();
  private final Map<String, CsvTable.Row> models = new LinkedHashMap<>();
  private final Coefficients coefficients;

  private DeviceCatalog(Coefficients coefficients) {
    this.coefficients = coefficients;
  }

  /**
   * Reads the catalog from Baton's jar.
   *
   * @throws IllegalArgumentException if one of its files is damaged, with file and line
   */
  public static DeviceCatalog load() {
    return of(Coefficients.of(CsvTable.resource("coefficients.csv")));
  }

  /** The catalog with other coefficients, as the fit needs it. */
  public static DeviceCatalog of(Coefficients coefficients) {
    DeviceCatalog catalog = new DeviceCatalog(coefficients);
    for (String file : List.of("devices.csv", "more-devices.csv")) {
      for (CsvTable.Row row : CsvTable.resource(file).rows()) {
        if (!row.text("device").startsWith("LINK ")) {
          Device device = Device.of(row);
          catalog.devices.put(plain(device.name()), device);
        }
      }
    }
    for (CsvTable.Row row : CsvTable.resource("models.csv").rows()) {
      catalog.models.put(plain(row.text("model")), row);
      for (String alias : row.text("aliases").split("\\|", 0)) {
        if (!alias.isEmpty()) {
          catalog.models.put(plain(alias), row);
        }
      }
    }
    return catalog;
  }

  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "");
  }

  /** All devices, in the files' order. */
  public Collection<Device> devices() {
    return List.copyOf(devices.values());
  }

  /**
   * A device by its name. Case and punctuation do not count, and a part of the name is enough where
   * it fits one device only.
   *
   * @throws IllegalArgumentException if there is none or more than one, with what was meant perhaps
   */
  public Device device(String name) {
    String asked = plain(name);
    Device exact = devices.get(asked);
    if (exact != null) {
      return exact;
    }
    List<Device> fitting =
        devices.entrySet().stream()
            .filter(e -> !asked.isEmpty() && e.getKey().contains(asked))
            .map(Map.Entry::getValue)
            .toList();
    if (fitting.size() == 1) {
      return fitting.getFirst();
    }
    if (!fitting.isEmpty()) {
      throw new IllegalArgumentException(
          "'"
              + name
              + "' may be "
              + String.join(" or ", fitting.stream().map(Device::name).toList())
              + "; say which");
    }
    throw unknown("device", name, asked, devices.values().stream().map(Device::name).toList());
  }

  private static IllegalArgumentException unknown(
      String what, String name, String asked, Collection<String> names) {
    String nearest =
        NearestName.to(asked, names.stream().map(DeviceCatalog::plain).toList())
            .flatMap(near -> names.stream().filter(n -> plain(n).equals(near)).findFirst())
            .map(n -> ", did you mean " + n + "?")
            .orElse("");
    return new IllegalArgumentException("there is no " + what + " '" + name + "'" + nearest);
  }

  /**
   * A model by its name and quantisation, such as "llama-3.1-8b-f16" or "Qwen3 30B A3B Q4_K_M";
   * without a quantisation, as its makers publish it. Case and punctuation do not count.
   *
   * @throws IllegalArgumentException if there is none, with what was meant perhaps
   */
  public ModelArchitecture model(String nameWithQuant) {
    String asked = plain(nameWithQuant).replaceAll("instruct|chat", "");
    CsvTable.Row whole = models.get(asked);
    if (whole != null) {
      return whole.as(row -> model(row, Quantisation.valueOf(row.text("native_quant"))));
    }
    // "8bf16" ends with BF16 and with F16; which one it is shows by what is left.
    for (Quantisation quantisation : Quantisation.values()) {
      String ending = plain(quantisation.name());
      CsvTable.Row bare =
          asked.endsWith(ending)
              ? models.get(asked.substring(0, asked.length() - ending.length()))
              : null;
      if (bare != null) {
        return bare.as(row -> model(row, quantisation));
      }
    }
    throw unknown(
        "model",
        nameWithQuant,
        List.of(Quantisation.values()).stream()
            .map(q -> asked.replaceFirst(plain(q.name()) + "$", ""))
            .min(Comparator.comparingInt(String::length))
            .orElse(asked),
        models.values().stream().map(r -> r.text("model")).distinct().toList());
  }

  private static ModelArchitecture model(CsvTable.Row row, Quantisation quantisation) {
    return new ModelArchitecture(
        row.text("model") + " " + quantisation.name(),
        quantisation,
        row.whole("layers", 0),
        row.whole("hidden_dim", 0),
        row.whole("heads", 0),
        row.whole("kv_heads", 0),
        row.whole("head_dim", 0),
        new FeedForward(row.whole("ffn_dim", 0), row.whole("ffn_matrices", 0)),
        new Vocabulary(row.whole("vocabulary", 0), row.text("tied").equals("yes")),
        experts(row),
        windows(row),
        latent(row));
  }

  private static @Nullable Experts experts(CsvTable.Row row) {
    return row.text("experts").isEmpty()
        ? null
        : new Experts(
            row.whole("experts", 0),
            row.whole("experts_used", 0),
            row.whole("expert_ffn_dim", 0),
            row.whole("shared_ffn_dim", 0),
            row.whole("dense_layers", 0));
  }

  private static @Nullable Windows windows(CsvTable.Row row) {
    return row.text("window").isEmpty()
        ? null
        : new Windows(row.whole("window", 0), row.whole("window_layers", 0));
  }

  private static @Nullable Latent latent(CsvTable.Row row) {
    return row.text("kv_rank").isEmpty()
        ? null
        : new Latent(
            row.whole("q_rank", 0),
            row.whole("kv_rank", 0),
            row.whole("rope_dim", 0),
            row.whole("value_dim", 0));
  }

  /**
   * How fast a device computes a model, with kernels as they are common today. Its errors are those
   * of devices like it that the fit had not seen.
   */
  public SpeedProfile profile(Device device, ModelArchitecture model) {
    double attention = keySeconds(device, model);
    List<ChunkPoint> chunks = new ArrayList<>();
    for (int tokens : CHUNK_TOKENS) {
      double seconds = prefillSeconds(device, model, tokens, 0);
      // However few they are, the weights are read.
      double least = coefficients.seconds(SpeedModel.onePass(device, model, tokens, 0));
      double ownAttention = attention * tokens * tokens / 2.0;
      chunks.add(new ChunkPoint(tokens, Math.max(seconds - ownAttention, least) / model.layers()));
    }
    double one = decodeSeconds(device, model, 1, 0);
    double sequence = (decodeSeconds(device, model, FEW, 0) - one) / (FEW - 1);
    double context = (decodeSeconds(device, model, 1, LONG_CONTEXT) - one) / LONG_CONTEXT;
    return new SpeedProfile(
        "catalog: " + device.name(),
        chunks,
        attention / model.layers(),
        model.outputBytes() / device.bandwidth(),
        one - sequence,
        sequence,
        context,
        error("prefill", device, model),
        error("decode", device, model));
  }

  /** Seconds of one more key for one query in a prefill, all layers together. */
  private double keySeconds(Device device, ModelArchitecture model) {
    return prefillSeconds(device, model, 1, LONG_CONTEXT + 1)
        - prefillSeconds(device, model, 1, LONG_CONTEXT);
  }

  private double prefillSeconds(Device device, ModelArchitecture model, int tokens, int depth) {
    Prefill prefill = new Prefill(tokens, depth, 1, tokens);
    return coefficients.seconds(SpeedModel.prefill(device, model, Kernels.TODAY, prefill));
  }

  private double decodeSeconds(Device device, ModelArchitecture model, int batch, int context) {
    return coefficients.seconds(SpeedModel.decode(device, model, Kernels.TODAY, batch, context));
  }

  private double error(String phase, Device device, ModelArchitecture model) {
    String name = "error." + phase + (model.experts() == null ? ".dense" : ".moe");
    return coefficients
        .of(name + "." + device.family().word())
        .orElseGet(() -> coefficients.value(name));
  }
}
