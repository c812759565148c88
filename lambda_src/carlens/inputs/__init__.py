"""Where a picture comes from."""
