"""What each operation does, free of HTTP."""
