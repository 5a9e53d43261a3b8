"""A name or a checkpoint file -> a Classifier that knows its classes and its preprocessing."""
