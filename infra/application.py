"""Make the CDK application of one stage from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.advice import advice
from infra.api_stack import ApiStack, ApiStackProps
from infra.batch_stack import BatchStack, BatchStackProps
from infra.budget import stage_tags
from infra.contract import load_contract
from infra.gateway_log_stack import GatewayLogStack
from infra.layers import CODE, FunctionName, build_layers
from infra.model_folder import stage_models
from infra.model_stack import ModelStack
from infra.settings import Settings

_ROOT = Path(__file__).resolve().parents[1]


def build_app(context: Mapping[str, Any] | None = None, *, bundle: bool = True) -> cdk.App:
    """Make the CDK application of one stage.

    Parameters
    ----------
    context : Mapping or None
        The context of `cdk.json` and `-c`; None for what the command line of the CDK passes on.
    bundle : bool
        False for empty layers, which is enough to inspect the templates.

    Raises
    ------
    SettingError
        A setting is unknown or has a value that is not allowed.
    LayerError
        The layers cannot be built, or are too large for Lambda.
    """
    # A performance report would make the output of a slow synth differ from that of a fast one.
    app = cdk.App(context=context, performance_reporting=False)
    settings = Settings.from_context(app.node.get_all_context())
    models = stage_models(settings, _ROOT / "models")
    contract = load_contract(CODE)
    version = contract["info"]["version"]
    account = {
        "env": cdk.Environment(account=settings.account, region=settings.region),
        "permissions_boundary": settings.permissions_boundary
        and cdk.PermissionsBoundary.from_arn(settings.permissions_boundary),
    }
    stack = {**account, "tags": stage_tags(settings)}
    model_stack = ModelStack(
        app,
        f"carlens-{settings.stage}-models",
        description=f"Carlens {version}: model bucket.",
        settings=settings,
        models=models,
        # Protects data that must be kept against accidental deletion.
        termination_protection=settings.removal == "retain",
        **stack,
    )
    functions: tuple[FunctionName, ...] = get_args(FunctionName)
    layers = {
        function: build_layers(settings.architecture, function, bundle=bundle)
        for function in functions
    }
    api_stack = ApiStack(
        app,
        f"carlens-{settings.stage}-api",
        description=f"Carlens {version}: functions and REST API.",
        props=ApiStackProps(
            settings=settings,
            contract=contract,
            layers=layers,
            models=models,
            bucket_name=model_stack.bucket_name,
        ),
        **stack,
    )
    # The models must be in the bucket before a new version of a function starts.
    api_stack.add_stack_dependency(model_stack)
    if settings.gateway_log_role:
        gateway_log_stack = GatewayLogStack(
            app,
            "carlens-gateway-logs",
            description="Carlens, all stages: the role with which API Gateway writes logs.",
            tags={"application": "carlens"},
            **account,
        )
        # API Gateway refuses a stage with logs while its account has no role for them.
        api_stack.add_stack_dependency(gateway_log_stack)
    if settings.batch:
        batch_stack = BatchStack(
            app,
            f"carlens-{settings.stage}-batch",
            description=f"Carlens {version}: batch jobs.",
            props=BatchStackProps(
                settings=settings,
                layers=layers,
                models=models,
                bucket_name=model_stack.bucket_name,
            ),
            **stack,
        )
        batch_stack.add_stack_dependency(model_stack)
    for text in advice(settings):
        # `Annotations` would add a stack trace, which differs from synth to synth.
        api_stack.node.add_metadata("aws:cdk:info", text)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app
