"""The AWS infrastructure: settings, stacks, functions, layers and monitoring."""
