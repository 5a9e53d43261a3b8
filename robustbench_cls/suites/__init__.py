"""Suites: conditions, images, answers and the numbers they are about; one file a suite."""
