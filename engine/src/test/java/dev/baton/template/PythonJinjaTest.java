package dev.baton.template;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Random templates against jinja2 itself; {@code -Dbaton.jinja.seed} varies them. */
class PythonJinjaTest {
  @TempDir private Path folder;

  @Test
  void shouldMakeOfRandomTemplatesWhatJinja2Made() throws IOException {
    assertEquals(700, JinjaCases.check(JinjaCases.json("fuzzed.json")));
  }

  @Test
  void shouldMakeOfRandomTemplatesWhatJinja2Makes() throws Exception {
    assumeTrue(
        python("-c", "import jinja2; assert jinja2.__version__ == '3.1.6'") == 0,
        "python3 with jinja2 3.1.6 is not there (pip install jinja2==3.1.6)");
    for (String file : new String[] {"fuzz.py", "jinja_reference.py"}) {
      Files.copy(JinjaCases.open(file), folder.resolve(file));
    }
    int count = Integer.getInteger("baton.jinja.count", 3000);
    String seed = System.getProperty("baton.jinja.seed", "7");
    assertEquals(0, python(folder.resolve("fuzz.py").toString(), seed, String.valueOf(count)));
    assertEquals(count, JinjaCases.check(JsonMapper.shared().readTree(folder.resolve("out"))));
  }

  private int python(String... arguments) throws Exception {
    String[] command = new String[arguments.length + 1];
    command[0] = "python3";
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectOutput(folder.resolve("out").toFile())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
    } catch (IOException _) {
      return -1; // no python3
    }
    try {
      return process.waitFor(5, TimeUnit.MINUTES) ? process.exitValue() : -1;
    } finally {
      process.destroyForcibly();
    }
  }
}
