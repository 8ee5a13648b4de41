"""Every rule and every check, by what they look at. A module of rules has `RULES` and the functions that find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from artifactflow.check import (
    command_rules,
    environment_rules,
    manifest_rules,
    mismatch_rules,
    orchestration_rules,
    parameter_rules,
    pipeline_rules,
    tracking_rules,
)
from artifactflow.check.findings import Finding, Rule
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
