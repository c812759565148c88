"""A function of the API: the settings that all have in common, and the alias that is called."""

from __future__ import annotations

from dataclasses import replace

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import Function, FunctionProps, SharedProps
from infra.layers import FunctionName


class ApiFunction(Function):
    """A function of the API, with its role, log and alias.

    Attributes
    ----------
    name : {"recognition", "catalog"}
        Name of the function.
    alias : Alias
        `live`, which the API calls: a deployment moves it, and moving it back is a rollback.
    """

    def __init__(
        self, scope: Construct, name: FunctionName, *, shared: SharedProps, props: FunctionProps
    ) -> None:
        settings = shared.settings
        origins = {"CARLENS_CORS_ORIGINS": ",".join(settings.cors_origins)}
        super().__init__(
            scope,
            name.capitalize(),
            shared=shared,
            props=replace(
                props,
                timeout=settings.timeout,
                layers_of=name,
                concurrency=settings.reserved_concurrency,
                snap_start=settings.snap_start,
                environment={**origins, **props.environment},
            ),
        )
        self.name = name
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=self.resource.current_version
        )
