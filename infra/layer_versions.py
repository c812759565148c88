"""Built layers -> what functions name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.layers import Function, LayerBuild
from infra.settings import Settings

ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class LayerVersions(Construct):
    """The layers of all functions; one that two functions run on is uploaded once.

    Attributes
    ----------
    of : dict
        The layers of each function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        builds: Mapping[Function, Sequence[LayerBuild]],
    ) -> None:
        super().__init__(scope, construct_id)
        versions = {
            build.name: lambda_.LayerVersion(
                self,
                build.name,
                description=f"Carlens: {build.name}, {build.unzipped_bytes:,} bytes unzipped",
                code=lambda_.Code.from_asset(
                    str(build.path),
                    asset_hash=build.asset_hash,
                    asset_hash_type=AssetHashType.CUSTOM,
                ),
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
                compatible_architectures=[ARCHITECTURES[settings.architecture]],
            )
            for build in {build.name: build for each in builds.values() for build in each}.values()
        }
        self.of: dict[Function, list[lambda_.ILayerVersion]] = {
            function: [versions[build.name] for build in each] for function, each in builds.items()
        }
