"""Effects: the keeper, the local engine, the prober."""
