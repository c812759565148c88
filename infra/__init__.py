"""What AWS runs: the settings of a stage, its stacks and the parts they are made of."""

import os

# Must be set before aws_cdk is imported: without it a banner about Node comes before every answer.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
