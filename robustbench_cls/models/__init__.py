"""From a name or a file to a Classifier that knows its classes and its preprocessing."""
