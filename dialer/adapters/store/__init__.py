"""The record: SQLAlchemy Core on SQLite or PostgreSQL; one writer with group commit, readers beside it."""
