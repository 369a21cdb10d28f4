package dev.baton.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.baton.BatonProcess;
import dev.baton.GenerateRequest;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A decode node as a process, {@code baton run}, with a relay of its own to the prefill node. */
final class DecodeProcess implements AutoCloseable {
  final Relay relay;
  final BatonProcess process;

  DecodeProcess(RelayedNodes nodes, GenerateRequest request, Fault fault, long seed) {
    int port = RelayedNodes.freePort();
    relay = new Relay(nodes.nodeEndpoint(), "127.0.0.1:" + port, seed);
    relay.suffer(fault);
    process =
        BatonProcess.start(
            "run",
            "--json",
            "--patient",
            "--model",
            BatonProcess.TINY.toString(),
            "--split",
            "remote",
            "--prefill",
            relay.toPrefill(),
            "--listen",
            "127.0.0.1:" + port,
            "--advertise",
            relay.toDecode(),
            "--timeout",
            Double.toString(nodes.lease().toMillis() / 1e3),
            "--chunk",
            "16",
            "--max-tokens",
            Integer.toString(request.maxTokens()),
            "--temperature",
            Double.toString(request.sampling().temperature()),
            "--seed",
            Long.toString(request.sampling().seed()),
            request.prompt());
    process.closeInput();
  }

  /** Its report, once it has answered as the answer wanted says. */
  JsonNode awaitSame(RelayedNodes.Answer wanted) {
    assertEquals(0, process.await(), process.err());
    JsonNode answer = JsonMapper.shared().readTree(process.out());
    assertEquals(
        Arrays.toString(wanted.tokens()).replace(" ", ""), answer.path("tokens").toString());
    assertEquals(wanted.text(), answer.path("text").asString());
    return answer.path("report");
  }

  @Override
  public void close() {
    process.close();
    relay.close();
  }
}
