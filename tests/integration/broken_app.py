"""The CDK application with an update that fails after everything else has been updated."""

from __future__ import annotations

from aws_cdk import aws_lambda

from infra.api_function import ApiFunction
from infra.api_stack import ApiStack
from infra.application import build_app

app = build_app()
[stack] = [child for child in app.node.children if isinstance(child, ApiStack)]
function = stack.node.find_child("Recognition")
assert isinstance(function, ApiFunction)
broken = aws_lambda.CfnAlias(
    stack,
    "Broken",
    name="broken",
    function_name=function.alias.lambda_.function_name,
    function_version="999",
)
broken.node.add_dependency(function.alias)
app.synth()
