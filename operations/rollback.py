"""Move the alias of a function back to an older version, and record it in CloudFormation.

    python -m operations.rollback --stage prod --version 41 --function catalog

The alias is moved only after the version has answered a request: a version with SnapStart becomes
inactive after 14 days without a call, and must be woken first. docs/decisions/0037-rollback.md
explains why CloudFormation must know.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

import yaml
from botocore.exceptions import ClientError, WaiterError

from operations.calls import FunctionName, check_answer, wake
from operations.stage import (
    ALIAS,
    Client,
    OperationError,
    client_of,
    errors_as_messages,
    existing_stack,
    output,
    resources,
    stack_name,
)


def roll_back(
    client: Client,
    stage: str,
    function: FunctionName,
    version: int,
    *,
    report: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wake a version, check its answer, move the alias to it, and record it in CloudFormation.

    Parameters
    ----------
    client : Client
    stage : str
    function : {"recognition", "catalog"}
    version : int
    report : callable
        Called with each step that is done.
    sleep : callable
        Waits between two looks at the state of the version, in seconds.

    Raises
    ------
    OperationError
        A deployment is in progress, or the version does not exist, wake or answer: the alias is
        unchanged. Or the alias was moved, but CloudFormation could not record it.
    """
    stack = existing_stack(client, stack_name(stage, "api"))
    if stack["StackStatus"].endswith("_IN_PROGRESS"):
        raise OperationError(
            f"{stack['StackName']} is in {stack['StackStatus']}: a deployment moves the alias. "
            "Wait until it has ended. To end it now and go back to the version before, find it with"
            " `aws deploy list-deployments --include-only-statuses InProgress` and run `aws deploy "
            "stop-deployment --auto-rollback-enabled --deployment-id ID`."
        )
    functions = client("lambda")
    name = output(stack, f"{function.capitalize()}FunctionName")
    wake(functions, name, version, report=report, sleep=sleep)
    check_answer(functions, name, str(version), function)
    report(f"Version {version} of {name} answers.")
    before = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
    functions.update_alias(
        FunctionName=name,
        Name=ALIAS,
        FunctionVersion=str(version),
        # CodeDeploy cannot deploy to an alias that calls two versions.
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    check_answer(functions, name, ALIAS, function)
    report(f"The alias `{ALIAS}` calls version {version} instead of {before}, and answers.")
    try:
        record(client, stack, name, version)
    except (ClientError, WaiterError) as error:
        raise OperationError(
            f"The alias calls version {version}, but {stack['StackName']} could not record it: "
            f"{error}. Until the next successful deployment, a failed one would move the alias to "
            f"version {before}. Run the command again."
        ) from error
    report(
        "CloudFormation has recorded it. The next deployment moves the alias to the version of "
        "the code that it deploys: revert the change first."
    )


def record(client: Client, stack: Mapping[str, Any], name: str, version: int) -> None:
    """Update the stack with its own template, in which the alias calls the version."""
    formation, stack_id = client("cloudformation"), stack["StackName"]
    body = formation.get_template(StackName=stack_id, TemplateStage="Original")["TemplateBody"]
    template = yaml.safe_load(body) if isinstance(body, str) else body
    ids = resources(client, stack_id, "AWS::Lambda::Function")
    logical_id = next(key for key, physical in ids.items() if physical == name)
    try:
        formation.update_stack(
            StackName=stack_id,
            TemplateURL=_upload(
                client, stack, pin_alias(template, logical_id, version), logical_id
            ),
            Parameters=[
                {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
                for each in stack.get("Parameters", ())
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise
    formation.get_waiter("stack_update_complete").wait(
        StackName=stack_id, WaiterConfig={"Delay": 5, "MaxAttempts": 120}
    )


def pin_alias(template: Mapping[str, Any], function: str, version: int) -> dict[str, Any]:
    """Return a template in which the alias of a function calls a version that exists.

    Parameters
    ----------
    template : Mapping
        The template of the API's stack.
    function : str
        Logical ID of the function.
    version : int
    """
    pinned: dict[str, Any] = copy.deepcopy(dict(template))
    for resource in pinned["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Alias" and resource["Properties"]["FunctionName"] == {
            "Ref": function
        }:
            resource["Properties"]["FunctionVersion"] = str(version)
            # The alias is already there: CodeDeploy has nothing to shift.
            resource.pop("UpdatePolicy", None)
    return pinned


def _upload(
    client: Client, stack: Mapping[str, Any], template: Mapping[str, Any], function: str
) -> str:
    """Put a template into the CDK's asset bucket: CloudFormation reads larger ones only from S3."""
    _, _, _, region, account, _ = stack["StackId"].split(":", 5)
    code = template["Resources"][function]["Properties"]["Code"]["S3Bucket"]
    bucket = code if isinstance(code, str) else code["Fn::Sub"]
    bucket = bucket.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)
    storage, key = client("s3"), f"rollback/{stack['StackName']}.json"
    storage.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    return f"{storage.meta.endpoint_url}/{bucket}/{key}"


def main() -> None:
    """Run the command line; exit with a message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.rollback", description=__doc__)
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--function", choices=get_args(FunctionName), default="recognition")
    parser.add_argument("--version", type=int, required=True, help="version to go back to")
    arguments = parser.parse_args()
    with errors_as_messages():
        roll_back(
            client_of(arguments.stage), arguments.stage, arguments.function, arguments.version
        )


if __name__ == "__main__":
    main()
