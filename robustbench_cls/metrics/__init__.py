"""Numbers from predictions, each with its unit, direction and source; one file a theme. No torch."""
