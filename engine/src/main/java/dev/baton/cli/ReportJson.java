package dev.baton.cli;

import dev.baton.Report;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The report of a request for machines: one flat object, whose names stay. */
final class ReportJson {
  private ReportJson() {}

  static ObjectNode of(Report report) {
    Report.Route route = report.route();
    Report.Tokens tokens = report.tokens();
    Report.Times times = report.times();
    Report.Transfer transfer = report.transfer();
    return JsonMapper.shared()
        .createObjectNode()
        .put("model", report.model())
        .put("end", report.end())
        .put("prefillNode", route.prefillNode())
        .put("decodeNode", route.decodeNode())
        .put("boundaryLayer", route.boundaryLayer())
        .put("layers", route.layers())
        .put("promptTokens", tokens.promptTokens())
        .put("cachedTokens", tokens.cachedTokens())
        .put("outputTokens", tokens.outputTokens())
        .put("prefillNs", times.prefillNs())
        .put("prefillTokensPerSecond", times.prefillTokensPerSecond())
        .put("kvBytes", transfer.kvBytes())
        .put("hiddenShare", transfer.hiddenShare())
        .put("resumes", transfer.resumes())
        .put("savedBytes", transfer.savedBytes())
        .put("ttftNs", times.ttftNs())
        .put("decodeTokensPerSecond", times.decodeTokensPerSecond())
        .put("longestStallNs", times.longestStallNs())
        .put("numbers", report.numbers())
        .put("reason", report.reason())
        .put("measuringNs", times.measuringNs())
        .put("fallback", report.fallback())
        .put("datagrams", transfer.datagrams());
  }
}
