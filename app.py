"""Entry point of the CDK."""

from __future__ import annotations

import sys

from infra.application import build_app
from infra.layers import LayerError
from infra.settings import SettingError

try:
    build_app().synth()
except (SettingError, LayerError) as error:
    sys.exit(f"carlens: {error}")
