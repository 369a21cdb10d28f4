package dev.baton.bench.micro;

import dev.baton.bench.report.WrongResult;
import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;

/**
 * A benchmark that JMH's annotation processor listed.
 *
 * @param name for people: {@code matmul} for {@code MatmulBenchmark.multiply}, where a class has
 *     several {@code cipher.seal}
 * @param method JMH's name, the class's and the method's
 * @param params values of each parameter, in the order that the class declares them
 */
record MicroBenchmark(String name, String method, Map<String, List<String>> params) {
  private static final String SUFFIX = "Benchmark";

  /** Every benchmark of the harness, sorted by name. */
  static List<MicroBenchmark> all() {
    Collection<BenchmarkListEntry> entries =
        BenchmarkList.defaultList().find(new QuietFormat(), List.of(), List.of());
    Map<String, Long> methods =
        entries.stream()
            .collect(
                Collectors.groupingBy(
                    BenchmarkListEntry::getUserClassQName, Collectors.counting()));
    return entries.stream()
        .map(entry -> of(entry, methods.getOrDefault(entry.getUserClassQName(), 1L) > 1))
        .sorted((a, b) -> a.name.compareTo(b.name))
        .toList();
  }

  private static MicroBenchmark of(BenchmarkListEntry entry, boolean several) {
    String type = entry.getUserClassQName();
    String simple = type.substring(type.lastIndexOf('.') + 1);
    String base = simple.endsWith(SUFFIX) ? simple.replace(SUFFIX, "") : simple;
    String of = base.substring(0, 1).toLowerCase(Locale.ROOT) + base.substring(1);
    String method = entry.getUsername().substring(type.length() + 1);
    Map<String, String[]> declared = entry.getParams().orElse(Map.of());
    Map<String, List<String>> params = new LinkedHashMap<>();
    for (Field field : fields(type)) {
      String[] values = declared.get(field.getName());
      if (values != null) {
        params.put(field.getName(), List.of(values));
      }
    }
    return new MicroBenchmark(several ? of + "." + method : of, entry.getUsername(), params);
  }

  private static Field[] fields(String type) {
    try {
      return Class.forName(type).getDeclaredFields();
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("the list of benchmarks names " + type, e);
    }
  }

  /** What JMH has to include for this one alone. */
  String include() {
    return "^" + Pattern.quote(method) + "$";
  }

  /**
   * The same with other values where {@code chosen} names a parameter of this one.
   *
   * @throws IllegalArgumentException for a value that the parameter cannot take
   */
  MicroBenchmark with(Map<String, List<String>> chosen) {
    Map<String, List<String>> changed = new LinkedHashMap<>(params);
    changed.replaceAll((param, values) -> {
      List<String> wanted = chosen.getOrDefault(param, values);
      wanted.forEach(value -> requireSound(param, value));
      return wanted;
    });
    return new MicroBenchmark(name, method, changed);
  }

  private void requireSound(String param, String value) {
    Class<?> type = typeOf(param);
    if (type.isEnum()) {
      List<String> constants = Stream.of(type.getEnumConstants()).map(Object::toString).toList();
      if (!constants.contains(value)) {
        throw new IllegalArgumentException(
            "--param "
                + param
                + "="
                + value
                + ": "
                + name
                + " takes "
                + String.join(", ", constants));
      }
    } else if (type == int.class && !value.matches("[1-9][0-9]{0,7}")) {
      throw new IllegalArgumentException(
          "--param " + param + "=" + value + ": " + name + " takes a whole number from 1 on");
    }
  }

  private Class<?> typeOf(String param) {
    return Arrays.stream(fields(method.substring(0, method.lastIndexOf('.'))))
        .filter(field -> field.getName().equals(param))
        .findFirst()
        .orElseThrow(() -> new WrongResult(name + " has no field for " + param))
        .getType();
  }

  /** Whether it is of the C kernels, and shares of the machine's peaks are measured beside it. */
  boolean isKernel() {
    return params.containsKey(CeilingProfiler.THREADS);
  }

  /** How many there are to run: one for every combination of the parameters. */
  int trials() {
    return params.values().stream().mapToInt(List::size).reduce(1, Math::multiplyExact);
  }

  /** One trial's parameters, in their order. */
  Map<String, String> paramsOf(BenchmarkParams trial) {
    Map<String, String> values = new LinkedHashMap<>();
    params.keySet().forEach(param -> values.put(param, trial.getParam(param)));
    return values;
  }
}
