"""Rules about pipeline files."""
