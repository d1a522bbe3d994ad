"""What cells share right now: the ledger on Redis, rebuilt from the record whenever Redis lost something."""
