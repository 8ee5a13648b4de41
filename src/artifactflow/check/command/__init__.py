"""Rules about the commands of a manifest."""
