"""The store of per-image results, and its reader. No torch."""
