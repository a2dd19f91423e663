"""Effects: reading the files and secret versions that belong to a release."""
