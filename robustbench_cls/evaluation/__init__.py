"""Running models over suites: the loop, the prediction store, identity."""
