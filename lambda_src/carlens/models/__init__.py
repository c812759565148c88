"""Models: their manifests, the repository that holds them and the sessions that run them."""
