"""Which case next, which number, when."""
