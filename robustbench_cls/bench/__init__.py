"""The measurements of `robust bench`: how fast this package is, side by side with others that do the same."""
