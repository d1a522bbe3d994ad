"""Cadenza: a predictive and progressive dialer for phone collection. Start reading at `dialer.flow`."""
