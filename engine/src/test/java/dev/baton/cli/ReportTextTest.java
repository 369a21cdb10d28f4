package dev.baton.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.baton.Report;
import dev.baton.decode.SamplingParams;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Help.Ansi;

final class ReportTextTest {
  @Test
  void shouldSayHowMuchOfThePromptWasThereAlready() {
    Report report =
        new Report(
            "Tiny",
            "end",
            new Report.Route("here", "here", 0, 6),
            new Report.Tokens(1000, 960, 64),
            new Report.Times(0, 50_000_000, 800, 61_400_000, 211.6, 0),
            Report.Transfer.NONE,
            Report.EXACT,
            null,
            null);
    assertTrue(
        ReportText.of(report, SamplingParams.greedy(), Ansi.OFF)
            .contains("1000 tokens, 960 of them cached, prefilled at"),
        () -> ReportText.of(report, SamplingParams.greedy(), Ansi.OFF));
  }

  @Test
  void shouldPutOneFactOnALineInUnitsThatFit() {
    Report report =
        new Report(
            "Tiny",
            "length",
            new Report.Route("prefill@1", "here", 6, 6),
            new Report.Tokens(1000, 0, 64),
            new Report.Times(0, 50_000_000, 20_000, 61_400_000, 211.6, 12_340_000),
            new Report.Transfer(
                3_072_000, 0.975, 0, 0, "received in runs of up to 64 (the kernel has UDP_GRO)"),
            "exact",
            null,
            null);

    assertEquals(
        """
        model       Tiny
        prefill     prefill@1
        decode      here
        boundary    layer 6 of 6 (the whole prefill there)
        prompt      1000 tokens, prefilled at 20000 tok/s
        output      64 tokens, decoded at 212 tok/s (longest allowed)
        KV streamed 3.1 MB, 97.5 % hidden behind compute
        datagrams   received in runs of up to 64 (the kernel has UDP_GRO)
        TTFT        61 ms
        stall       12 ms between two tokens at most
        """,
        ReportText.of(report, SamplingParams.greedy(), Ansi.OFF));
  }

  @Test
  void shouldSayThatThePrefillWasFinishedHere() {
    String why = "the link brings 1.2 MB/s: the rest would take 41 s, here 2.1 s";
    Report report =
        new Report(
            "Tiny",
            "length",
            new Report.Route("prefill@1", "here", 6, 6),
            new Report.Tokens(1000, 0, 64),
            new Report.Times(0, 1, 1, 1, 1, 0),
            new Report.Transfer(2_000_000, 1, 0, 0, null),
            "exact",
            null,
            why);

    String text = ReportText.of(report, SamplingParams.greedy(), Ansi.OFF);

    assertTrue(text.contains("2.0 MB, the rest of the prompt was computed here\n"), text);
    assertTrue(text.contains("note        " + why + "\n"), text);
  }

  @Test
  void shouldTellTheSeedOfADrawAndWhyThePlanWasLeft() {
    Report report =
        new Report(
            "Tiny",
            "end",
            new Report.Route("here", "here", 0, 6),
            new Report.Tokens(1, 0, 1),
            new Report.Times(0, 1, 0, 2_500_000_000L, 0, 0),
            new Report.Transfer(0, 1, 2, 12_300_000, null),
            "exact",
            null,
            "the node is\ngone");

    String text = ReportText.of(report, SamplingParams.usual(7), Ansi.OFF);

    assertTrue(text.contains("seed        7\n"), text);
    assertTrue(text.contains("note        the node is; gone\n"), text);
    assertTrue(
        text.contains(
            "link        resumed 2 times, 12.3 MB were here already and did not travel again\n"),
        text);
    assertTrue(text.contains("output      1 token (the model ended it)\n"), text);
    assertTrue(text.contains("TTFT        2.50 s\n"), text);
  }

  @Test
  void shouldSayWhatWasLossyAndWhatTolerant() {
    assertTrue(numbers(Report.EXACT).isEmpty());
    assertEquals(
        "numbers     within tolerance of Baton's own, not the same to the last bit\n",
        numbers(Report.numbers(false, false)));
    assertEquals(
        "numbers     lossy: KV came as q8, which may change the answer\n",
        numbers(Report.numbers(true, true)));
    assertEquals(2, numbers(Report.numbers(false, true)).lines().count());
  }

  private static String numbers(String numbers) {
    Report report =
        new Report(
            "Tiny",
            "end",
            new Report.Route("there", "here", 6, 6),
            new Report.Tokens(1, 0, 2),
            new Report.Times(0, 1, 1, 1, 1, 0),
            new Report.Transfer(1, 1, 0, 0, null),
            numbers,
            null,
            null);
    return ReportText.of(report, SamplingParams.greedy(), Ansi.OFF)
        .lines()
        .filter(line -> line.startsWith("numbers"))
        .map(line -> line + "\n")
        .collect(Collectors.joining());
  }

  @Test
  void shouldPrintOneFlatObjectWhoseNamesStay() {
    Report report =
        new Report(
            "Tiny",
            "length",
            new Report.Route("prefill@1", "here", 4, 6),
            new Report.Tokens(1000, 8, 64),
            new Report.Times(7, 50_000_000, 20_000, 61_400_000, 211.6, 12_340_000),
            new Report.Transfer(3_072_000, 0.975, 2, 1024, "received in runs"),
            "exact",
            null,
            "the node is gone");

    assertEquals(
        """
        {"model":"Tiny","end":"length","prefillNode":"prefill@1","decodeNode":"here",\
        "boundaryLayer":4,"layers":6,"promptTokens":1000,"cachedTokens":8,"outputTokens":64,\
        "prefillNs":50000000,"prefillTokensPerSecond":20000.0,"kvBytes":3072000,\
        "hiddenShare":0.975,"resumes":2,"savedBytes":1024,"ttftNs":61400000,\
        "decodeTokensPerSecond":211.6,"longestStallNs":12340000,"numbers":"exact","reason":null,\
        "measuringNs":7,"fallback":"the node is gone","datagrams":"received in runs"}\
        """,
        Json.line(ReportJson.of(report)));
  }
}
