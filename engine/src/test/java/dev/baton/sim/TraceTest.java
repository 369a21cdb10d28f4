package dev.baton.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TraceTest {
  private static final Path SAMPLES = Path.of("src/test/resources/dev/baton/sim");
  private static final String COLUMNS = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

  @TempDir private Path folder;

  @Test
  void shouldReadAzuresTrace() {
    List<TraceRequest> requests = Trace.read(SAMPLES.resolve("azure-conv-200.csv"), 999).requests();
    assertEquals(200, requests.size());
    assertEquals(new TraceRequest(0, 374, 44, List.of()), requests.getFirst());
    assertEquals(4.314579, requests.get(1).arrivalSeconds(), 1e-6);
  }

  @Test
  void shouldReadMooncakesTraceAsFarAsAsked() {
    Path file = SAMPLES.resolve("mooncake-conversation-200.jsonl");
    List<TraceRequest> requests = Trace.read(file, 3).requests();
    assertEquals(3, requests.size());
    assertEquals(6758, requests.getFirst().promptTokens());
    assertEquals(14, requests.getFirst().blocks().size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2023-11-16 18:17:03,12     | line 3: 3 values are due, there are 2",
        "yesterday,12,3             | line 3: TIMESTAMP is like 2023-11-16 18:17:03.98, got 'yest",
        "2023-11-16 18:17:03,many,3 | line 3: ContextTokens is a whole number, got 'many'",
        "2023-11-16 18:17:03,12,0   | line 3: a request has at least 1 token in and 1 out",
      })
  void shouldSayWhichLineOfACsvIsWrong(String line, String complaint) throws IOException {
    assertComplaint(COLUMNS + "2023-11-16 18:17:03.98,12,3\n" + line + "\n", complaint);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{nonsense                        | line 1: this is no JSON object",
        "{'timestamp': 0}                 | line 1: hash_ids is a list of whole numbers",
        "{'timestamp': 0, 'hash_ids': [1]} | line 1: input_length is a whole number, it is missing",
        "{'timestamp': 0, 'input_length': 600, 'output_length': 1, 'hash_ids': [1]} | line 1: 1 bl",
        "{'timestamp': 'x', 'hash_ids': []} | line 1: timestamp is a number of milliseconds",
        "time;tokens                      | line 1: a trace begins with the columns TIMESTAMP",
      },
      quoteCharacter = '"')
  void shouldSayWhichLineOfAJsonTraceIsWrong(String line, String complaint) throws IOException {
    assertComplaint(line.replace('\'', '"') + "\n", complaint);
  }

  @Test
  void shouldSayThatATraceIsMissing() {
    assertTrue(complaint(folder.resolve("none.csv")).endsWith("--help"));
    assertTrue(complaint(folder.resolve("none.csv")).contains("it does not exist"));
  }

  private void assertComplaint(String text, String complaint) throws IOException {
    Path file = Files.writeString(folder.resolve("trace"), text);
    assertTrue(complaint(file).startsWith(file + " " + complaint), complaint(file));
  }

  private static String complaint(Path file) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Trace.read(file, 100));
    return String.valueOf(e.getMessage());
  }
}
