"""Attempts from clearance to hang-up: placing, answering, bridging, abandoning, and what became of each."""
