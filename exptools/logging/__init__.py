"""Log: scalars of a run to progress.csv and TensorBoard."""
