"""Where traffic touches the world: files that Envoy watches, its admin socket, its process."""
