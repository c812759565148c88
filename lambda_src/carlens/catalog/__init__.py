"""Match written makes and models to the entries of a table; independent of HTTP and images."""
