"""From stored runs to one self-contained HTML page and its CSV. Never imports torch."""
