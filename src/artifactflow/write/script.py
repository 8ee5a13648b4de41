"""Contract → `main.py`, by one of two templates, each of which reads back as the same contract.

Either way the work is one function of the objects that go in, which returns those that come out. What no script can
state is refused: a secret, an output by place, a path with choices, a name that Python keeps to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from artifactflow.contract import Contract
from artifactflow.write.script_argparse import argparse_script
from artifactflow.write.script_body import Body
from artifactflow.write.script_parts import function_name, option_name_problem
from artifactflow.write.script_step import step_script

__all__ = ["TEMPLATES", "Body", "function_name", "option_name_problem", "script_text"]

TEMPLATES: Final = {"step": step_script, "argparse": argparse_script}
"""A typed step function, or plain argparse without any need of artifactflow."""


def script_text(
    template: str,
    name: str,
    contract: Contract,
    formats: Mapping[str, str] | None = None,
    body: Body | None = None,
) -> str:
    """The text of the script of the component `name`, by a template of `TEMPLATES`.

    `formats` chooses the format (see `script_formats.FORMATS`) of inputs and outputs by option name; for the others
    the artifact's type does. `body` is what the function does; without it, an example that runs at once.
    Outputs of the formats `file` and `folder` come first when a step function is read back: it takes their paths, and
    returns the others. Entry point, command, environment variables and the like are not a script's to state.

    Raises ContractError for what no script can state.
    """
    return TEMPLATES[template](name, contract, formats, body)
