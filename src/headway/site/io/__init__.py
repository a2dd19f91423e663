"""The only place where a description is read from disk."""
