"""Effects: SQLite, in a thread of its own."""
