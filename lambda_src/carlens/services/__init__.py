"""What each operation does, independent of HTTP."""
