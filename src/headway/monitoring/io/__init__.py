"""Where monitoring touches the world: fetching, and keeping what was fetched."""
