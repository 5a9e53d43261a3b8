"""Augmentation recipes for training; one file a recipe."""
