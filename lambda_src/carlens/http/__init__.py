"""API Gateway events in, proxy responses out."""
