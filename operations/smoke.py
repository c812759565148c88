"""Send a photo and a name to an API, and check both answers.

python -m operations.smoke --stage prod
python -m operations.smoke --url http://127.0.0.1:8000

A stage with an authorizer is checked behind it: its functions are called through their alias.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from typing import get_args

from carlens.smoke import SmokeError, check_api
from operations.calls import FunctionName, check_answer
from operations.stage import (
    ALIAS,
    Client,
    OperationError,
    client_of,
    errors_as_messages,
    existing_stack,
    output,
    outputs,
    settings_of,
    stack_name,
)

# API Gateway takes some seconds to apply a deployment.
_ATTEMPTS = 6
_PAUSE = 5.0  # seconds


def api_of(client: Client, stage: str) -> tuple[str, dict[str, str]]:
    """Return the address of a stage's API, and the header with its key if it has one.

    Raises
    ------
    OperationError
        The stage is not deployed.
    """
    found = outputs(existing_stack(client, stack_name(stage, "api")))
    if "ApiKeyId" not in found:
        return found["ApiUrl"], {}
    key = client("apigateway").get_api_key(apiKey=found["ApiKeyId"], includeValue=True)
    return found["ApiUrl"], {"x-api-key": key["value"]}


def check_functions(client: Client, stage: str, *, report: Callable[[str], None] = print) -> None:
    """Check the functions of a stage through the alias that the API calls.

    Raises
    ------
    OperationError
        The stage is not deployed, or a function does not answer as it should.
    """
    stack = existing_stack(client, stack_name(stage, "api"))
    for function in get_args(FunctionName):
        name = output(stack, f"{function.capitalize()}FunctionName")
        check_answer(client("lambda"), name, ALIAS, function)
        report(f"{name}:{ALIAS} answers as expected.")


def check(
    url: str,
    headers: Mapping[str, str],
    *,
    report: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Check an API, a few times if necessary.

    Raises
    ------
    OperationError
        It has not answered as it should; the message says how it answered last.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            check_api(url, headers)
        except SmokeError as error:
            if attempt == _ATTEMPTS:
                raise OperationError(f"{url} does not work: {error}") from None
            report(f"Trying again in {_PAUSE:.0f} s: {error}")
            sleep(_PAUSE)
        else:
            report(f"{url} finds vehicles in a photo and matches a name.")
            return


def main() -> None:
    """Run the command line; exit with a message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.smoke", description=__doc__)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--stage", help="check the API of a deployed stage")
    target.add_argument("--url", help="check the API at this address")
    arguments = parser.parse_args()
    with errors_as_messages():
        stage = arguments.stage
        if stage is None:
            check(arguments.url, {})
        elif settings_of(stage).authorizer != "none":
            check_functions(client_of(stage), stage)
        else:
            check(*api_of(client_of(stage), stage))


if __name__ == "__main__":
    main()
