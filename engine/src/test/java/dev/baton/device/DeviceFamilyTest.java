package dev.baton.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DeviceFamilyTest {
  @ParameterizedTest
  @CsvSource({
    "M3 Ultra 80c, apple.M3",
    "M4 10c, apple.M4",
    "RTX 3090, nvidia.Ampere",
    "A40, nvidia.Ampere",
    "RTX A6000, nvidia.Ampere",
    "RTX 6000 Ada, nvidia.Ada",
    "RTX 4080 SUPER, nvidia.Ada",
    "L40S, nvidia.Ada",
    "RTX 5070 Ti, nvidia.Blackwell",
    "RTX PRO 6000 Blackwell, nvidia.Blackwell",
    "DGX Spark GB10, nvidia.GB10",
    "Jetson AGX Thor, nvidia.GB10",
    "A100 SXM 80GB, nvidia.HBM",
    "H200 SXM, nvidia.HBM",
    "RTX 2080 Ti, nvidia",
    "Strix Halo AI Max+ 395, other"
  })
  void shouldTellTheGenerationFromTheName(String device, String family) {
    assertEquals(family, DeviceFamily.of(device).word());
  }
}
