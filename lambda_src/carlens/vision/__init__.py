"""Find and classify the objects in pictures; independent of HTTP and AWS."""
