"""Evaluation: the plan, the loop over images, and shards of the work."""
