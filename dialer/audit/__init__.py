"""Afterwards: every cap counted once more from the record, by code that the gate doesn't share."""
