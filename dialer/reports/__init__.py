"""Later: one file a report, each figure with its definition."""
