"""Training: plan, keyed images, learner, and a loop that stops and goes on at any step."""
