"""Wraps the real handler: fails on request and reports its environment.

Tests copy it next to `handler.py` in the function.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from snapshot_restore_py import register_after_restore, register_before_snapshot

# Hooks run in reverse order of registration, so this one runs after the hook of Carlens.
register_before_snapshot(print, "hook: before the snapshot, after the hook of Carlens")

import handler  # noqa: E402

register_before_snapshot(print, "hook: before the snapshot, before the hook of Carlens")
register_after_restore(print, "hook: after the restore")


def _broken(*_: object) -> None:
    raise RuntimeError("the detector is broken")


def lambda_handler(event: Any, context: Any) -> Any:
    match event.get("probe") if isinstance(event, dict) else None:
        case "sleep":
            time.sleep(event["seconds"])
        case "raise":
            raise RuntimeError("the probe failed")
        case "exit":
            os._exit(3)
        case "break the detector":
            vars(handler.app.models().detector)["detect"] = _broken
            return None
        case "mend the detector":
            del vars(handler.app.models().detector)["detect"]
            return None
        case "long answer":
            return "x" * event["length"]
        case "path":
            files = {getattr(module, "__file__", None) for module in sys.modules.values()}
            return {"path": sys.path, "files": sorted(filter(None, files))}
        case "modules":
            return sorted(sys.modules)
    return handler.lambda_handler(event, context)
