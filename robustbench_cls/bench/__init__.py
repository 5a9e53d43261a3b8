"""What `robust bench` measures: speed, side by side with what does the same elsewhere."""
