package dev.baton.cpu;

import dev.baton.file.WholeFile;
import dev.baton.kernel.Kernels;
import dev.baton.model.ModelFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * The packed weights of one model that a {@link WeightCache} looks for or makes.
 *
 * @param needs all that the packed bytes depend on beside the model, as text
 */
record WantedWeights(Path folder, ModelFile file, String needs, WeightLayout layout) {
  long bytes() {
    return layout.bytes();
  }

  /** Begins the names of the entries of all models that look alike at a glance. */
  String namePart() {
    return file.gguf().fingerprint() + "-";
  }

  /** All that the packed bytes depend on; waits until the file was read. */
  byte[] identity() {
    String text = "model " + file.identity().root() + "\n" + needs;
    return text.getBytes(StandardCharsets.UTF_8);
  }

  Path path() {
    CRC32C crc = new CRC32C();
    crc.update(identity());
    return folder.resolve(
        namePart() + HexFormat.of().toHexDigits((int) crc.getValue()) + WeightCache.SUFFIX);
  }

  /** Its name until it is whole and on the disk. */
  Path part() {
    return folder.resolve(namePart() + WholeFile.UNFINISHED.substring(1) + WholeFile.UNFINISHED);
  }

  static WantedWeights of(Path folder, ModelFile file, WeightLayout layout, Kernels kernels) {
    StringBuilder needs = new StringBuilder();
    needs.append("packed weights ").append(WeightCache.VERSION).append('\n');
    needs.append("packing ").append(Long.toHexString(kernels.packFormat())).append('\n');
    layout.slots().forEach(slot -> needs.append(slot).append('\n'));
    return new WantedWeights(folder, file, needs.toString(), layout);
  }
}
