"""Builders of data: corrupted trees, and the embedded data set of shapes."""
