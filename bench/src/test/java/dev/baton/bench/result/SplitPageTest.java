package dev.baton.bench.result;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.baton.bench.report.BenchResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

final class SplitPageTest {
  /** WebDriver's code of the enter key. */
  private static final String ENTER = "\uE007";

  @TempDir private Path folder;

  private static SplitResult result() {
    Map<String, IntToDoubleFunction> ttft = new LinkedHashMap<>();
    ttft.put("local", n -> 0.2 * n);
    ttft.put("remote", n -> 30 + 0.05 * n);
    ttft.put("auto", n -> Math.min(0.2 * n, 30 + 0.05 * n));
    ttft.put("2", n -> 10 + 0.15 * n);
    List<SplitRow> rows = new ArrayList<>();
    for (String link : List.of("lo", "100mbit")) {
      rows.addAll(SplitResults.rows(link, ttft, 1, 64, 256, 1024));
      rows.addAll(SplitResults.rows(link, ttft, 32, 64, 128, 256, 512, 1024));
    }
    return SplitResults.of(rows);
  }

  private SplitFiles written() throws IOException {
    SplitFiles files = SplitFiles.in(folder.resolve("out"));
    files.write(result());
    return files;
  }

  @Test
  @Timeout(120)
  void shouldDrawAndSortInARealBrowserWithoutAWordInTheConsole() throws Exception {
    String missing = Browser.whyMissing();
    assumeTrue(missing == null, missing);
    Path page = written().report();
    try (Browser browser = Browser.start(folder.resolve("profile"))) {
      for (boolean dark : new boolean[] {false, true}) {
        for (int width : new int[] {1280, 390}) {
          browser.screen(width, 900, dark);
          browser.open(page);
          shouldBeDrawn(browser, width);
          assertEquals(
              dark ? "rgb(20, 23, 27)" : "rgb(255, 255, 255)",
              browser.run("return getComputedStyle(document.body).backgroundColor").asString());
          assertTrue(browser.screenshot().length > 10_000);
        }
      }
      shouldSort(browser);
      browser.open(page.resolveSibling("plot.svg"));
      shouldCutNothingOff(browser);
      assertEquals(List.of(), browser.console());
      browser.run("console.error('seen')");
      assertEquals(1, browser.console().size(), "the console is really read");
    }
  }

  private static void shouldBeDrawn(Browser browser, int width)
      throws IOException, InterruptedException {
    JsonNode boxes =
        browser.run(
            "return [...document.querySelectorAll('svg')].map(svg => {const b = svg.getBBox();"
                + " return [b.width, b.height,"
                + " svg.querySelectorAll('polyline,circle,rect').length]})");
    assertEquals(5, boxes.size(), "two prompt plots, a timeline, two predictions");
    for (JsonNode box : boxes) {
      assertTrue(box.path(0).asDouble() > 300 && box.path(1).asDouble() > 150, boxes.toString());
      assertTrue(box.path(2).asInt() >= 5, boxes.toString());
    }
    shouldCutNothingOff(browser);
    assertEquals(width, browser.run("return document.documentElement.scrollWidth").asInt());
    assertEquals(
        "[]",
        browser
            .run(
                "const names = [...document.querySelectorAll('svg')].map(svg =>"
                    + " [...svg.querySelectorAll('.name')]); return names.flatMap(all =>"
                    + " all.filter((a, i) => all.some((b, j) => j > i && Math.abs(a.getBBox().y -"
                    + " b.getBBox().y) < 11))).map(text => text.textContent)")
            .toString(),
        "no name is on another");
  }

  private static void shouldCutNothingOff(Browser browser)
      throws IOException, InterruptedException {
    assertEquals(
        "[]",
        browser
            .run(
                "return [...document.querySelectorAll('svg text')].filter(text => {const b ="
                    + " text.getBBox(), v = text.ownerSVGElement.viewBox.baseVal; return b.x < -0.5"
                    + " || b.y < -0.5 || b.x + b.width > v.width + 0.5 || b.y + b.height > v.height"
                    + " + 0.5}).map(text => text.textContent)")
            .toString());
  }

  private static void shouldSort(Browser browser) throws IOException, InterruptedException {
    String ttft =
        "return [...document.querySelector('tbody').rows].map(row =>"
            + " Number(row.cells[6].dataset.v))";
    String button = "document.querySelectorAll('thead button')[6]";
    browser.run(button + ".click()");
    assertTrue(isSorted(browser.run(ttft), 1));
    assertEquals("ascending", browser.run("return " + button + ".parentNode.ariaSort").asString());
    browser.run(button + ".focus()");
    browser.press(ENTER);
    assertTrue(isSorted(browser.run(ttft), -1));
    assertTrue(
        browser
            .run("return document.getElementById('said').textContent")
            .asString()
            .contains("TTFT"));
    // What has no such figure comes last.
    browser.run("document.querySelectorAll('thead button')[9].click()");
    assertEquals(
        "",
        browser
            .run("return [...document.querySelector('tbody').rows].at(-1).cells[9].dataset.v")
            .asString());
  }

  private static boolean isSorted(JsonNode values, int sign) {
    for (int i = 1; i < values.size(); i++) {
      if (sign * (values.path(i).asDouble() - values.path(i - 1).asDouble()) < 0) {
        return false;
      }
    }
    return values.size() == 64;
  }

  @Test
  void shouldNeedNothingFromElsewhereAndEscapeWhatItIsTold() throws IOException {
    String page = Files.readString(written().report());
    assertFalse(page.matches("(?s).*(src|href)=['\"](?!data:).*"), "no links out");
    assertFalse(page.replace("http://www.w3.org/2000/svg", "").contains("://"), "no addresses");
    assertTrue(page.contains("cpu &lt;x&gt; &amp; &#39;y&#39;"));
    assertTrue(page.contains("not measured over 1gbit: no tc"));
    assertTrue(page.contains("75 % of the KV had arrived"), "3 kB of 4 while it computed");
    assertFalse(page.contains("ended early"));
  }

  @Test
  void shouldNameEveryPlotForThoseWhoDoNotSeeIt() throws IOException {
    String page = Files.readString(written().report());
    assertEquals(5, page.split("role='img' aria-labelledby='", -1).length - 1);
    assertEquals(5, page.split("<desc id='", -1).length - 1);
  }

  @Test
  void shouldWriteEveryRowAsCsvAndEveryComparedFigureOnce() throws IOException {
    SplitFiles files = written();
    List<String> lines = Files.readAllLines(files.folder().resolve("rows.csv"), UTF_8);
    assertEquals(1 + result().rows().size(), lines.size());
    int columns = lines.getFirst().split(",", -1).length;
    assertTrue(lines.stream().allMatch(line -> line.split(",", -1).length == columns));
    assertTrue(lines.get(1).startsWith("lo,64,1,local,0,5,12.8000,"), lines.get(1));
    BenchResult read = BenchResult.read(files.folder().resolve("result.json"));
    assertEquals(result().asResult().json(), read.json());
    assertTrue(
        read.figures().stream()
            .anyMatch(figure -> figure.name().equals("TTFT, 100mbit, 1024 in, 32 out, layer 2")));
    try (var all = Files.list(files.folder())) {
      assertEquals(4, all.count(), "and nothing half-written");
    }
  }
}
