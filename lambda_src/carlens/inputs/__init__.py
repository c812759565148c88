"""Where an image comes from."""
