package dev.baton.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.StringReader;
import org.junit.jupiter.api.Test;

final class CsvTableTest {
  private static final String HEAD =
      "device,fp16_tflops_dense,int8_tops,mem_gb,mem_gbps,tdp_w,price_usd,source\n";

  private static CsvTable table(String text) throws IOException {
    return CsvTable.read("mine.csv", new StringReader(text));
  }

  private static String complaint(String line) throws IOException {
    CsvTable table = table(HEAD + "A,1,,1,1,1,1,x\n" + line);
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> table.rows().get(1).as(Device::of))
            .getMessage());
  }

  @Test
  void shouldReadQuotedValuesWithCommas() throws IOException {
    Device device = Device.of(table(HEAD + "A,1.5,,1,2,3,4,\"one, two\"\n").rows().getFirst());
    assertEquals("one, two", device.source());
    assertEquals(1.5e12, device.flops16());
    assertEquals(2e9, device.bandwidth());
  }

  @Test
  void shouldNameFileAndLineOfWhatIsNoNumber() throws IOException {
    assertEquals(
        "mine.csv line 3: mem_gbps is a number, got 'fast'", complaint("B,1,,1,fast,1,1,x"));
    assertEquals("mine.csv line 3: mem_gb is a number, got ''", complaint("B,1,,,1,1,1,x"));
  }

  @Test
  void shouldNameFileAndLineOfWhatCannotBe() throws IOException {
    assertEquals(
        "mine.csv line 3: the power of B is a positive number, got -5.0",
        complaint("B,1,,1,1,-5,1,x"));
  }

  @Test
  void shouldNameFileAndLineOfAShortLine() {
    assertEquals(
        "mine.csv line 2: 8 values are due, there are 2",
        assertThrows(IllegalArgumentException.class, () -> table(HEAD + "A,1\n")).getMessage());
  }

  @Test
  void shouldRefuseACoefficientThatStandsTwice() throws IOException {
    CsvTable table = table("coefficient,value\na,1\na,2\n");
    assertEquals(
        "mine.csv line 3: a stands there twice",
        assertThrows(IllegalArgumentException.class, () -> Coefficients.of(table)).getMessage());
  }
}
