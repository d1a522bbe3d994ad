"""Now: what the floor looks like, and what limits dialling."""
