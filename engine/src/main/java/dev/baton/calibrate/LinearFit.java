package dev.baton.calibrate;

/** {@code y = start + slope * x}, neither of which is negative. */
record LinearFit(double start, double slope) {
  /**
   * The line whose relative errors at some points have the least squares; a flat one where the
   * points fall or are all above one another.
   *
   * @param x at least one
   * @param y as many, positive
   */
  static LinearFit through(double[] x, double[] y) {
    double weights = 0;
    double meanX = 0;
    double meanY = 0;
    for (int i = 0; i < x.length; i++) {
      double weight = 1 / (y[i] * y[i]);
      weights += weight;
      meanX += weight * x[i];
      meanY += weight * y[i];
    }
    meanX /= weights;
    meanY /= weights;
    double together = 0;
    double spread = 0;
    for (int i = 0; i < x.length; i++) {
      double weight = 1 / (y[i] * y[i]);
      together += weight * (x[i] - meanX) * (y[i] - meanY);
      spread += weight * (x[i] - meanX) * (x[i] - meanX);
    }
    // Not steeper than the line from the origin through the middle.
    double steepest = meanX == 0 ? 0 : meanY / meanX;
    double slope = spread == 0 ? 0 : Math.clamp(together / spread, 0, steepest);
    return new LinearFit(meanY - slope * meanX, slope);
  }
}
