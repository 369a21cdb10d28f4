package dev.baton.clusterfile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.device.DeviceCatalog;
import dev.baton.device.ModelArchitecture;
import dev.baton.plan.ClusterNode;
import dev.baton.plan.LinkSpeed;
import dev.baton.plan.SpeedProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

final class ClusterFileTest {
  private static final DeviceCatalog CATALOG = DeviceCatalog.load();
  private static final ModelArchitecture LLAMA = CATALOG.model("llama-3.1-8b-f16");
  private static final List<String> BUILT_IN = ClusterFile.BUILT_IN;
  private static final String GOOD =
      """
      [[node]]
      name = "spark"
      device = "DGX Spark GB10"
      role = "both"
      watts = 140
      [[node]]
      name = "mac"
      device = "M3 Ultra 80c"
      decode-ms = 26.6
      [[link]]
      between = ["spark", "mac"]
      rate = "10gbe"
      latency-us = 200
      """;

  @TempDir Path folder;

  @ParameterizedTest
  @FieldSource("BUILT_IN")
  void shouldReadEveryBuiltInCluster(String name) {
    ClusterFile read = ClusterFile.read(Path.of(name), LLAMA, CATALOG);

    ClusterNode spark = read.cluster().nodes().get(0);
    ClusterNode mac = read.cluster().nodes().get(1);
    assertEquals(List.of(), read.notes());
    assertEquals(8192 / 5573.0, prefillSeconds(spark), 1e-6);
    assertEquals(8192 / 1471.0, prefillSeconds(mac), 1e-6);
    assertEquals(0.0897, spark.speed().decodeStepSeconds(1, 8192), 1e-9);
    assertEquals(0.0266, mac.speed().decodeStepSeconds(1, 8192), 1e-9);
    assertEquals(0.03, mac.speed().prefillError());
    assertEquals(0.03, mac.speed().decodeError());
    assertNotNull(read.cluster().link(spark, mac));
    assertNotNull(read.cluster().link(mac, spark));
  }

  private static double prefillSeconds(ClusterNode node) {
    double layer = 0;
    for (int depth = 0; depth < 8192; depth += 2048) {
      layer += node.speed().chunkLayerSeconds(2048, depth);
    }
    return LLAMA.layers() * layer + node.speed().outputSeconds();
  }

  @Test
  void shouldTakeFiguresAsTakenWithTheChunksOfTheFile() throws IOException {
    String figures =
        "prefill-tokens-per-second = 1000\nat-prompt-tokens = 3000\nat-chunk-tokens = ";
    SpeedProfile whole =
        read(GOOD.replace("watts = 140", figures + 3000)).cluster().nodes().getFirst().speed();
    SpeedProfile cut =
        read(GOOD.replace("watts = 140", figures + 2000)).cluster().nodes().getFirst().speed();

    assertEquals(3, 32 * whole.chunkLayerSeconds(3000, 0) + whole.outputSeconds(), 1e-6);
    assertEquals(
        3,
        32 * (cut.chunkLayerSeconds(2000, 0) + cut.chunkLayerSeconds(1000, 2000))
            + cut.outputSeconds(),
        1e-6);
    assertEquals(0.03, cut.prefillError());
    assertEquals(CATALOG.profile(CATALOG.device("GB10"), LLAMA).decodeError(), cut.decodeError());
  }

  @Test
  void shouldTakeFromTheCatalogWhatTheFileDoesNotSay() throws IOException {
    ClusterNode mac = read(GOOD).cluster().nodes().get(1);
    SpeedProfile catalog = CATALOG.profile(CATALOG.device("M3 Ultra 80c"), LLAMA);

    assertEquals(0.0266, mac.speed().decodeStepSeconds(1, 512), 1e-9);
    assertEquals(catalog.chunkLayerSeconds(1024, 0), mac.speed().chunkLayerSeconds(1024, 0), 1e-9);
    assertEquals(catalog.prefillError(), mac.speed().prefillError());
    assertTrue(mac.prefills() && mac.decodes());
    assertEquals(250, mac.prefillWatts());
    assertEquals(9499 / 26280.0, mac.usdPerHour(), 1e-9);
    assertEquals(0, mac.queueSeconds());
  }

  @Test
  void shouldNotPlanWithMoreThanAStreamsThreadsDrive() throws IOException {
    for (String fast :
        List.of("rate = \"25gbe\"", "rate = \"thunderbolt5\"", "bytes-per-second = 4e9")) {
      ClusterFile read = read(GOOD.replace("rate = \"10gbe\"", fast));
      ClusterNode spark = read.cluster().nodes().get(0);
      ClusterNode mac = read.cluster().nodes().get(1);
      LinkSpeed link = Objects.requireNonNull(read.cluster().link(spark, mac));
      assertEquals(ClusterFile.DRIVEN_BYTES_PER_SECOND, link.f16BytesPerSecond());
      assertEquals(ClusterFile.DRIVEN_BYTES_PER_SECOND, link.q8BytesPerSecond());
      assertTrue(
          read.notes().stream()
              .anyMatch(note ->
                  note.startsWith("the link from 'spark' to 'mac' carries ")
                      && note.contains("threads drive 1.3")),
          () -> read.notes().toString());
    }
    assertEquals(
        1.15e9, read(GOOD).cluster().links().values().iterator().next().f16BytesPerSecond());
  }

  @Test
  void shouldTakeWhatTheFileSaysOfANodeAndALink() throws IOException {
    ClusterFile read =
        read(
            """
            [[node]]
            name = "a"
            device = "RTX 4090"
            role = "prefill"
            watts = 333
            usd-per-hour = 1.5
            queue-seconds = 2
            [[node]]
            name = "b"
            device = "RTX 3090"
            role = "decode"
            [[link]]
            from = "a"
            to = "b"
            bytes-per-second = 5e8
            latency-us = 50
            order-us = 70
            """);
    ClusterNode a = read.cluster().nodes().get(0);
    ClusterNode b = read.cluster().nodes().get(1);

    assertTrue(a.prefills() && !a.decodes() && !b.prefills() && b.decodes());
    assertEquals(333, a.prefillWatts());
    assertEquals(333, a.decodeWatts());
    assertEquals(1.5, a.usdPerHour());
    assertEquals(2, a.queueSeconds());
    assertEquals(new LinkSpeed(70e-6, 50e-6, 5e8, 5e8, 1, 0.03), read.cluster().link(a, b));
    assertNull(read.cluster().link(b, a));
  }

  @Test
  void shouldReadAMeasuredProfileFromBesideTheFile() throws IOException {
    SpeedProfile profile = CATALOG.profile(CATALOG.device("RTX 4090"), LLAMA);
    SpeedProfileFile.write(profile, folder.resolve("mine.json"));

    ClusterFile read = read("[[node]]\nname = \"a\"\nprofile = \"mine.json\"\n");

    assertEquals(profile, read.cluster().nodes().getFirst().speed());
    assertEquals(
        List.of("node 'a' names no device: what watts and usd-per-hour do not say counts as 0"),
        read.notes());
  }

  @Test
  void shouldSayWhatIsWrongWithAProfile() throws IOException {
    Files.writeString(folder.resolve("half.json"), "{\"origin\": \"measured\"}");
    Files.writeString(folder.resolve("broken.json"), "{");

    for (String name : List.of("half", "broken", "absent")) {
      String file = "[[node]]\nname = \"a\"\nprofile = \"" + name + ".json\"\n";
      String complaint = complaint(file);
      assertTrue(complaint.contains("line 3: profile: "), complaint);
      assertTrue(complaint.contains(name + ".json"), complaint);
      assertTrue(complaint.endsWith("(node 'a')"), complaint);
    }
  }

  @Test
  void shouldLeaveOutANodeWithoutRoomForTheModelAndSaySo() throws IOException {
    ClusterFile read = read(GOOD.replace("device = \"DGX Spark GB10\"", "device = \"RTX 3080\""));

    assertEquals(List.of("mac"), read.cluster().nodes().stream().map(ClusterNode::name).toList());
    assertEquals(
        List.of("node 'spark' is left out: Llama 3.1 8B F16 takes 16.1 GB, it has 10.7 GB"),
        read.notes());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "watts = 140        | watts = -1              | line 5: watts: this is a number from 0 on",
        "watts = 140        | watts = nan             | line 5: watts: this is a number, got NaN",
        "watts = 140        | watts = \"many\"        | line 5: watts: this is a number, got many",
        "watts = 140        | queue-seconds = -0.5    | line 5: queue-seconds: this is a number"
            + " from",
        "watts = 140        | usd-per-hour = -2       | line 5: usd-per-hour: this is a number"
            + " from",
        "watts = 140        | at-prompt-tokens = 512  | line 5: at-prompt-tokens: it says what",
        "decode-ms = 26.6   | at-chunk-tokens = 512   | line 9: at-chunk-tokens: it says what",
        "decode-ms = 26.6   | decode-ms = -26.6       | line 9: decode-ms: this is a number above"
            + " 0",
        "decode-ms = 26.6   | decode-ms = 0           | line 9: decode-ms: this is a number above"
            + " 0",
        "decode-ms = 26.6   | prefill-tokens-per-second = -1 | line 9: prefill-tokens-per-second: ",
        "decode-ms = 26.6   | decod-ms = 26.6         | line 9: decod-ms: nothing is called so, did"
            + " you mean decode-ms?",
        "M3 Ultra 80c       | M3 Ultro 80c            | line 8: device: there is no device 'M3"
            + " Ultro 80c', did you mean M3 Ultra 80c? (node 'mac')",
        "device = \"M3 Ultra 80c\" | watts = 3        | line 6: device: a node needs a device",
        "name = \"mac\"     | name = \"spark\"        | line 7: name: two nodes are called 'spark'",
        "name = \"mac\"     | watts = 3               | line 6: name: every node needs one",
        "name = \"mac\"     | name = \"\"             | line 7: name: this is a text in quotes",
        "role = \"both\"    | role = \"all\"          | line 4: role: this is prefill, decode or"
            + " both",
        "\"spark\", \"mac\" | \"spork\", \"mac\"      | line 11: between: there is no node 'spork',"
            + " did you mean spark?",
        "\"spark\", \"mac\" | \"mac\", \"mac\"        | line 11: between: a link is between 2"
            + " nodes, got 'mac' twice",
        "\"spark\", \"mac\" | \"mac\"                 | line 11: between: a link is between 2"
            + " nodes, got 1",
        "rate = \"10gbe\"   | rate = \"11gbe\"        | line 12: rate: '11gbe' is none of 1gbe",
        "rate = \"10gbe\"   | bytes-per-second = -1   | line 12: bytes-per-second: this is a"
            + " number",
        "rate = \"10gbe\"   | order-us = 1            | line 10: rate: a link has either",
        "latency-us = 200   | latency-us = -200       | line 13: latency-us: this is a number from"
            + " 0",
        "latency-us = 200   | latncy-us = 200         | line 13: latncy-us: nothing is called so,"
            + " did you mean latency-us?",
        "latency-us = 200   | from = \"mac\"          | line 11: between: a link has either",
        "rate = \"10gbe\"   | rate = 10gbe            | line 12: this is no TOML: ",
        "[[link]]           | [[lnk]]                 | line 10: lnk: nothing is called so, did you"
            + " mean link?",
        "[[link]]           | [link]                  | line 10: link: write each as a [[link]]",
      })
  void shouldNameFileLineAndKeyOfWhatIsWrong(String good, String bad, String expected)
      throws IOException {
    assertTrue(GOOD.contains(good), good);

    String complaint = complaint(GOOD.replace(good, bad));

    assertTrue(complaint.startsWith(folder.resolve("cluster.toml") + " " + expected), complaint);
    assertFalse(complaint.contains("\n"), complaint);
  }

  @Test
  void shouldRefuseTheSameLinkTwice() throws IOException {
    String twice = GOOD + "[[link]]\nfrom = \"mac\"\nto = \"spark\"\nrate = \"1gbe\"\n";

    assertTrue(
        complaint(twice).endsWith("line 15: from: there is a link from 'mac' to 'spark' already"));
  }

  @Test
  void shouldRefuseAClusterInWhichNoNodeDecodes() throws IOException {
    String none =
        GOOD.replace("role = \"both\"", "role = \"prefill\"")
            .replace("decode-ms = 26.6", "role = \"prefill\"");

    assertTrue(complaint(none).contains("line 4: role: no node decodes; "), complaint(none));
    assertTrue(complaint("").contains("line 1: node: a cluster needs at least one [[node]]"));
  }

  @Test
  void shouldRefuseAModelThatFitsNowhereOrOnNoNodeThatDecodes() throws IOException {
    String small = GOOD.replace("DGX Spark GB10", "RTX 3080").replace("M3 Ultra 80c", "RTX 3070");
    String nowhere = complaint(small);
    String noDecoder =
        complaint(
            GOOD.replace("role = \"both\"", "role = \"prefill\"")
                .replace("M3 Ultra 80c", "RTX 3070"));

    assertTrue(nowhere.contains("line 3: device: Llama 3.1 8B F16 takes 16.1 GB"), nowhere);
    assertTrue(nowhere.contains("fits nowhere; the most is 10.7 GB (node 'spark')"), nowhere);
    assertTrue(noDecoder.contains("line 8: device: "), noDecoder);
    assertTrue(noDecoder.contains("fits no node that decodes"), noDecoder);
  }

  @Test
  void shouldNameTheBuiltInClustersWhereThereIsNoFile() {
    String complaint =
        assertThrows(
                IllegalArgumentException.class,
                () -> ClusterFile.read(Path.of("exo-3gbe"), LLAMA, CATALOG))
            .getMessage();

    assertEquals(
        "cannot read the cluster file exo-3gbe, it does not exist; built in are exo-1gbe,"
            + " exo-2.5gbe, exo-10gbe",
        complaint);
  }

  private ClusterFile read(String toml) throws IOException {
    Path file = Files.writeString(folder.resolve("cluster.toml"), toml);
    return ClusterFile.read(file, LLAMA, CATALOG);
  }

  private String complaint(String toml) {
    return assertThrows(IllegalArgumentException.class, () -> read(toml)).getMessage();
  }
}
