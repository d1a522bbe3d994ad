"""Shipped helpers of tests, benchmarks and the demo: fakes with virtual time, real Asterisks, SIP endpoints."""
