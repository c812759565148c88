"""Lambda layer versions of the built layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.layers import FunctionName, LayerBuild
from infra.settings import Settings

ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class LayerVersions(Construct):
    """The layers of all functions; a shared layer is uploaded once.

    Attributes
    ----------
    by_function : dict
        The layers of each function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        builds: Mapping[FunctionName, Sequence[LayerBuild]],
    ) -> None:
        super().__init__(scope, construct_id)
        unique = {build.name: build for each in builds.values() for build in each}
        versions = {
            name: lambda_.LayerVersion(
                self,
                name,
                description=f"Carlens: {name}, {build.unzipped_bytes:,} bytes unzipped",
                code=lambda_.Code.from_asset(
                    str(build.path),
                    asset_hash=build.asset_hash,
                    asset_hash_type=AssetHashType.CUSTOM,
                ),
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
                compatible_architectures=[ARCHITECTURES[settings.architecture]],
            )
            for name, build in unique.items()
        }
        self.by_function: dict[FunctionName, list[lambda_.ILayerVersion]] = {
            function: [versions[build.name] for build in each] for function, each in builds.items()
        }
