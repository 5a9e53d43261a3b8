"""The nouns of the package, its errors, discovery and keyed randomness. No torch."""
