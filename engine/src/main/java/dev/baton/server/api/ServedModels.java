package dev.baton.server.api;

import dev.baton.http.HttpException;
import java.util.List;

/** The models that are served, by name. Any thread. */
public final class ServedModels {
  private final List<ServedModel> models;

  /**
   * @param models the first answers requests that name none
   */
  public ServedModels(List<ServedModel> models) {
    if (models.isEmpty()) {
      throw new IllegalArgumentException("a server needs a model");
    }
    this.models = List.copyOf(models);
  }

  public List<ServedModel> all() {
    return models;
  }

  /**
   * The model of that name; the first one for an empty name.
   *
   * @throws HttpException 404 when there is none, naming those that there are
   */
  public ServedModel named(String name) throws HttpException {
    if (name.isEmpty()) {
      return models.getFirst();
    }
    for (ServedModel model : models) {
      if (model.name().equals(name)) {
        return model;
      }
    }
    throw new ModelNotFoundException(
        "there is no model '"
            + name
            + "' here; served: "
            + String.join(", ", models.stream().map(ServedModel::name).toList()));
  }
}
