"""The outside: Asterisk, stores, metrics, logs."""
