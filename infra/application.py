"""Settings -> stacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
import yaml
from cdk_nag import AwsSolutionsChecks

from infra.api_stack import ApiStack
from infra.layers import CODE, Function, build_layers, stage_code
from infra.model_bucket import ModelBucket
from infra.model_folder import stage_models
from infra.settings import Settings

_ROOT = Path(__file__).resolve().parents[1]


def build_app(context: Mapping[str, Any] | None = None, *, bundle: bool = True) -> cdk.App:
    """Make the CDK application of one stage.

    Parameters
    ----------
    context : Mapping or None
        What `cdk.json` and `-c` give; None for what the CDK's command line passes on.
    bundle : bool
        False for layers without content, which a look at the templates does not need.

    Raises
    ------
    SettingError
        A setting has a wrong value; the message says what is allowed.
    LayerError
        The layers cannot be built, or are too large for Lambda.
    """
    # A report of a slow synth would lie among its results, and a fast one would differ from it.
    app = cdk.App(context=context, performance_reporting=False)
    settings = Settings.from_context(app.node.get_all_context())
    models = stage_models(settings, _ROOT / "models")
    contract = yaml.safe_load((CODE / "openapi.yaml").read_text("utf-8"))
    stack = {
        "env": cdk.Environment(account=settings.account, region=settings.region),
        "tags": {"application": "carlens", "stage": settings.stage},
    }
    store = ModelBucket(
        app,
        f"carlens-{settings.stage}-models",
        description="Carlens: the models.",
        settings=settings,
        models=models,
        # What holds data that must stay is not deleted by a slip.
        termination_protection=settings.removal == "retain",
        **stack,
    )
    functions: tuple[Function, ...] = get_args(Function)
    api = ApiStack(
        app,
        f"carlens-{settings.stage}-api",
        description="Carlens: the functions and their REST API.",
        settings=settings,
        contract=contract,
        code=stage_code(),
        layers={
            function: build_layers(settings.architecture, function, bundle=bundle)
            for function in functions
        },
        models=models,
        bucket_name=store.bucket_name,
        **stack,
    )
    # All models are in their place before a version of a function starts.
    api.add_stack_dependency(store)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app
