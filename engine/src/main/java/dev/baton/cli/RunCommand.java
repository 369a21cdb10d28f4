package dev.baton.cli;

import dev.baton.Baton;
import dev.baton.BatonConfig;
import dev.baton.GenerateRequest;
import dev.baton.Generation;
import dev.baton.Report;
import dev.baton.Split;
import dev.baton.arch.family.ModelKind;
import dev.baton.decode.SamplingParams;
import dev.baton.gguf.GgufFile;
import dev.baton.plan.PlanDecision;
import dev.baton.text.ChatTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** {@code baton run}: answers one prompt. */
@Command(
    name = "run",
    header = "Answer a prompt.",
    description = {
      "%nPrints the answer on stdout while it is made, and a report on stderr at the end.",
      "Unless --prefill names a running node, a prefill node is started for this call and ends with"
          + " it. The split never changes the answer, unless an accelerator takes part: its numbers"
          + " agree within a tolerance.",
      "A model that has a chat template is asked through it, one that has none completes the"
          + " prompt.%n"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  baton run \"Once upon a time, a little fox\"",
      "  baton run --temperature 0.8 --seed 7 \"The little fox\"",
      "  baton run --split 3 --chunk 64 --file story.txt",
      "  baton run --model smollm2-135m --system \"Answer in one sentence.\" \"Why is the sky"
          + " blue?\"",
      "  baton run --split auto --explain - < story.txt",
      "  baton run --split 3 --timeline --trace fox.json \"The little fox\"",
      "  baton run --json \"Once upon a time\" | jq .report"
    })
final class RunCommand implements Callable<Integer> {
  /** What --explain may wait for measurements. */
  private static final Duration EXPLAINED = Duration.ofSeconds(15);

  private final Terminal terminal;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(
      paramLabel = "PROMPT",
      arity = "0..1",
      description =
          "The text to answer; '-' reads it from stdin. Put '--' before a word that begins with"
              + " '-'.")
  private @Nullable String prompt;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "Read the text to answer from FILE, less a line end at its end; '-' for stdin.")
  private @Nullable String file;

  @Mixin private ModelOption model = new ModelOption();

  @Mixin private NodesOptions nodes = new NodesOptions();

  @Option(
      names = "--split",
      paramLabel = "auto|local|remote|N",
      description =
          "Where to cut: the prefill node computes the first N layers of the prompt, this process"
              + " the rest; local is none of them, remote all; auto decides by what both nodes were"
              + " measured to do (default: auto with --prefill, remote without).")
  private @Nullable String split;

  @Mixin private ObjectiveOption objective = new ObjectiveOption();

  @Mixin private WireOption wire = new WireOption();

  @Option(
      names = {"-n", "--max-tokens"},
      paramLabel = "N",
      defaultValue = "128",
      description = "Longest answer (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int maxTokens;

  @Mixin private SamplingOptions sampling = new SamplingOptions();

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End the answer before this text; may be given several times.")
  private List<String> stop = List.of();

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "A system message, for models whose chat template takes one.")
  private @Nullable String system;

  @Option(
      names = "--chat-template",
      paramLabel = "chatml|FILE",
      description =
          "Ask through ChatML, or through the Jinja template in FILE, not the model's own.")
  private @Nullable String chatTemplate;

  @Option(
      names = "--raw",
      description = "Send the prompt as it is, without the model's chat template.")
  private boolean raw;

  @Option(
      names = "--special",
      description =
          "Let names of control tokens in the prompt, like <|im_end|>, become those tokens, and"
              + " show those of the answer.")
  private boolean special;

  @Option(
      names = "--last-chunk",
      paramLabel = "N",
      defaultValue = "32",
      description =
          "Tokens down to which the prompt's last chunks are halved; --chunk's N for equal chunks"
              + " (default: ${DEFAULT-VALUE}).")
  @Within(least = 1)
  private int lastChunk;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "8",
      description =
          "How long a silent prefill node is waited for before this process goes on without it"
              + " (default: ${DEFAULT-VALUE}).")
  @Within(least = BatonConfig.MIN_LEASE_SECONDS, most = 86_400)
  private double timeoutSeconds;

  @Option(
      names = "--patient",
      description =
          "Wait for the prefill node also when this process would be done sooner without it.")
  private boolean patient;

  @Option(
      names = "--explain",
      description =
          "Show what the split was or would have been chosen from, and what then happened beside"
              + " what was predicted; measures both nodes at first, like --split auto.")
  private boolean explain;

  @Option(
      names = "--timeline",
      description = "Show where the time went, on both nodes and between them.")
  private boolean timeline;

  @Option(
      names = "--trace",
      paramLabel = "FILE",
      description =
          "Write the timeline to FILE as JSON for Chrome's trace viewer (chrome://tracing,"
              + " ui.perfetto.dev).")
  private @Nullable Path trace;

  @Option(
      names = "--json",
      description = "Print one JSON object with the text and the report, when all is done.")
  private boolean json;

  private volatile @Nullable Generation current;

  RunCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /** What {@code --json} prints. */
  record Result(String text, int[] tokens, long seed, ObjectNode report) {}

  @Override
  public Integer call() throws InterruptedException {
    SamplingParams params = sampling.params();
    String text = prompt();
    if (text.isEmpty()) {
      throw new IllegalArgumentException("the prompt is empty; give some text to go on from");
    }
    Path modelFile = model.file(terminal);
    BatonConfig.Builder builder =
        nodes
            .config(modelFile, terminal)
            .split(split == null ? null : Split.parse(split))
            .objective(objective.objective())
            .wireType(wire.type())
            .timeline(timeline || trace != null)
            .lastChunkTokens(lastChunk)
            .patient(patient)
            .lease(Duration.ofMillis(Math.round(1000 * timeoutSeconds)));
    String template = chatTemplate();
    builder.chatTemplate(template);
    Split where = builder.build().split();
    GenerateRequest request =
        GenerateRequest.builder(text)
            .system(system)
            .raw(raw)
            .maxTokens(maxTokens)
            .sampling(params)
            .stop(stop)
            .split(where)
            .special(special)
            .build();
    checkModel(modelFile, template);
    BatonConfig config = explain ? builder.split(new Split.Auto()).build() : builder.build();
    try (GracefulShutdown end = GracefulShutdown.with(this::cancel);
        StatusLine status = new StatusLine(terminal, System::nanoTime);
        Baton baton =
            Baton.open(config, done -> status.show("loading " + model.nameOrPath(), done))) {
      status.clear();
      baton.compute().notices().forEach(terminal::note);
      if (explain && !baton.awaitPlanner(EXPLAINED)) {
        terminal.note("both nodes could not be measured in time: there is nothing to explain");
      }
      requirePrefillNode(baton, where);
      return answer(baton, request, status, end);
    }
  }

  private String prompt() {
    if (prompt != null && file != null) {
      throw new IllegalArgumentException("give a prompt or --file, not both");
    }
    if (file != null) {
      return Terminal.withoutLineEnd(terminal.textOfFile(file));
    }
    if (prompt == null) {
      throw new ParameterException(spec.commandLine(), "Missing required parameter: 'PROMPT'");
    }
    return terminal.textOrInput(prompt);
  }

  private @Nullable String chatTemplate() {
    if (chatTemplate == null) {
      return null;
    }
    if (raw) {
      throw new IllegalArgumentException(
          "--raw uses no chat template; leave one of --raw and --chat-template out");
    }
    return chatTemplate.equals("chatml") ? ChatTemplate.CHATML : terminal.textOfFile(chatTemplate);
  }

  /** Looks at the model before its weights, which may take minutes to come by. */
  private void checkModel(Path modelFile, @Nullable String template) {
    try (GgufFile gguf = GgufFile.openMetadata(modelFile)) {
      ModelKind.requireRunnable(modelFile, gguf.metadata());
      if (!raw) {
        ChatTemplate.recognise(gguf.metadata(), template)
            .refusal(system)
            .ifPresent(why -> {
              throw new UserException(modelFile + ": " + why);
            });
      }
    }
  }

  /** Who asks for the prefill node is not answered without it when it was never there. */
  private void requirePrefillNode(Baton baton, Split where) {
    boolean asked =
        where instanceof Split.Remote || (where instanceof Split.At at && at.boundaryLayer() > 0);
    if (asked) {
      baton
          .prefillTrouble()
          .ifPresent(why -> {
            throw new UserException(why);
          });
    }
  }

  private int answer(Baton baton, GenerateRequest request, StatusLine status, GracefulShutdown end)
      throws InterruptedException {
    StringBuilder whole = new StringBuilder();
    try (Generation generation = baton.generate(request)) {
      current = generation;
      if (end.isAsked()) {
        generation.cancel();
      }
      Thread watcher =
          Thread.ofVirtual().name("baton-prefill-status").start(() -> watch(generation, status));
      for (String piece = generation.next(); piece != null; piece = generation.next()) {
        watcher.interrupt();
        status.close();
        whole.append(piece);
        if (!json) {
          terminal.print(piece);
        }
      }
      status.close();
      if (end.isAsked()) {
        return BatonCli.INTERRUPTED;
      }
      baton.planNotice().ifPresent(terminal::note);
      baton.diskNotices().forEach(terminal::note);
      finish(generation, whole.toString(), request.sampling());
      return BatonCli.DONE;
    }
  }

  private void finish(Generation generation, String text, SamplingParams params)
      throws InterruptedException {
    Report report = generation.report();
    Path traceFile = trace;
    if (traceFile != null) {
      write(traceFile, Json.line(generation.timeline().chromeTrace()));
    }
    if (json) {
      terminal.println(
          Json.line(
              new Result(text, generation.takenTokens(), params.seed(), ReportJson.of(report))));
      return;
    }
    if (terminal.outIsTerminal() && !text.endsWith("\n")) {
      terminal.println("");
    }
    if (terminal.errIsTerminal()) {
      terminal.err().println();
    }
    terminal.err().print(ReportText.of(report, params, terminal.errorAnsi()));
    PlanDecision decision = generation.decision().orElse(null);
    if (explain && decision != null) {
      terminal.err().print(PlanText.table(decision, report.route().layers(), terminal.errorAnsi()));
      terminal.err().println(ReportText.beside(decision, report));
    }
    if (timeline) {
      terminal.err().print(generation.timeline().text());
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UserException("cannot write " + file + ": " + Failure.reason(e), e);
    }
  }

  private static void watch(Generation generation, StatusLine status) {
    try {
      while (generation.prefillProgress() < 1) {
        status.show("prefilling", generation.prefillProgress());
        Thread.sleep(100);
      }
    } catch (InterruptedException _) {
      // The answer has begun.
    }
  }

  /** Whether there is an answer to cancel: a model that is being loaded cannot be waited for. */
  private boolean cancel() {
    Generation generation = current;
    if (generation == null) {
      return false;
    }
    generation.cancel();
    return true;
  }
}
