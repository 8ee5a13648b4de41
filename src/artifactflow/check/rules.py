"""Every rule and every check, by what they look at. A module of rules has `RULES` and the functions that find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from artifactflow.check import tracking_rules
from artifactflow.check.command import command_rules
from artifactflow.check.environment import environment_rules
from artifactflow.check.findings import Finding, Rule
from artifactflow.check.manifest import manifest_rules
from artifactflow.check.mismatch import mismatch_rules
from artifactflow.check.orchestration import orchestration_rules
from artifactflow.check.parameters import parameter_rules
from artifactflow.check.pipeline import pipeline_rules
from artifactflow.check.subjects import ComponentSubject, OrchestratorSubject, PipelineSubject
from artifactflow.check.tree import Tree

MODULES = (
    manifest_rules,
    parameter_rules,
    command_rules,
    mismatch_rules,
    environment_rules,
    pipeline_rules,
    orchestration_rules,
    tracking_rules,
)

RULES: tuple[Rule, ...] = tuple(rule for module in MODULES for rule in module.RULES)
"""Every rule, in the order of the reference."""

COMPONENT_CHECKS: tuple[Callable[[ComponentSubject], Iterator[Finding]], ...] = (
    manifest_rules.check_manifest,
    parameter_rules.check_parameters,
    command_rules.check_commands,
    mismatch_rules.check_mismatches,
    environment_rules.check_environment,
    tracking_rules.check_tracking,
)
TREE_CHECKS: tuple[Callable[[Tree], Iterator[Finding]], ...] = (manifest_rules.check_misnamed,)
PIPELINE_CHECKS: tuple[Callable[[PipelineSubject, Tree], Iterator[Finding]], ...] = (pipeline_rules.check_pipeline,)
ORCHESTRATOR_CHECKS: tuple[Callable[[OrchestratorSubject, Tree], Iterator[Finding]], ...] = (
    orchestration_rules.check_orchestrator,
)
