"""What is written and said: letters and scripts, as texts with fields of the case."""
