"""Columns of predictions -> a number with unit, direction and source; one file a metric, no torch."""
