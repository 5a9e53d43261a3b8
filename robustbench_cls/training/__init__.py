"""The loop, optimisation regimens, checkpoints."""
