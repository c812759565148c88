"""Commands for a deployed stage: check it, go back to an older version, and delete old ones."""
