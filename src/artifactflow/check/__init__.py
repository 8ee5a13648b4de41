"""Compares what a component states in several places, and says where the statements disagree or cannot work."""

from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.run import ALL_RULES, Report, check_paths
from artifactflow.check.settings import Settings, read_settings

__all__ = ["ALL_RULES", "Finding", "Fix", "Report", "Rule", "Settings", "Severity", "check_paths", "read_settings"]
