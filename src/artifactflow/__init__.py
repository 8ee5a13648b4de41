"""Reproducible ML pipelines made of components with contracts."""

__version__ = "0.1.0"
