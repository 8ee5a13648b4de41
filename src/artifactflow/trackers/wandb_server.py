"""Asks a W&B server what it has: whether something was sent is for the server to say, not for who has sent it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from artifactflow.errors import OutsideError
from artifactflow.fetch.addresses import masked_address
from artifactflow.fetch.redirects import by_proxy
from artifactflow.trackers.choice import WANDB_ADDRESS, wandb_key
from artifactflow.trackers.wandb_offline import OfflineRun

ANSWER_SECONDS: Final = 20.0

_QUERY: Final = """
query Run($entity: String, $project: String, $name: String!) {
  model(name: $project, entityName: $entity) { bucket(name: $name, missingOk: true) { id } }
}
"""
"""As W&B's own clients ask before they resume a run."""

_NO_PROJECT: Final = "uncategorized"


def has_run(run: OfflineRun, environment: Mapping[str, str]) -> bool:
    """Whether the server that the environment names has a run. Raises OutsideError where it does not say."""
    address = (environment.get("WANDB_BASE_URL") or WANDB_ADDRESS).rstrip("/")
    variables = {"entity": run.entity or None, "project": run.project or _NO_PROJECT, "name": run.id}
    question = {"operationName": "Run", "query": _QUERY, "variables": variables}
    try:
        answer = _posted(f"{address}/graphql", question, wandb_key(environment))
        project = answer["data"]["model"]
        return bool(project and project["bucket"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutsideError(f"{masked_address(address)} does not say whether it has run {run.id}") from error


def _posted(address: str, content: Mapping[str, Any], key: str) -> Any:
    import urllib3

    # As wandb itself finds them, which speaks by requests.
    options: dict[str, Any] = {"ca_certs": os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")}
    with by_proxy(urllib3.util.parse_url(address), **options) or urllib3.PoolManager(**options) as manager:
        try:
            answer = manager.request(
                "POST",
                address,
                body=json.dumps(content),
                headers={"Content-Type": "application/json", **urllib3.make_headers(basic_auth=f"api:{key}")},
                timeout=ANSWER_SECONDS,
                redirect=False,  # nobody else is to get the key
                retries=2,
            )
        except urllib3.exceptions.HTTPError as error:
            raise OSError(str(error)) from error
        return answer.json()
