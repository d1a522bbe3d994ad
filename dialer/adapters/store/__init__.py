"""The record: SQLAlchemy Core on SQLite; one writer with group commit, readers beside it."""
