"""The AWS infrastructure: settings, stacks, functions, layers and monitoring."""

import os

# Set before aws_cdk is imported, which otherwise prints a banner about the version of Node.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
