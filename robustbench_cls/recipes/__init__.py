"""What a training run learns from; one file a recipe."""
