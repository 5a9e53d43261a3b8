"""Which conditions, which images, which label space; one file a suite."""
