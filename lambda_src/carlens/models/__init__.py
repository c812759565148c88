"""Models: what they are (manifest), where they lie (store) and how they run (session)."""
