"""The laboratory of case selection: a year of a portfolio, simulated. Only commands know it; nothing here ever dials."""
