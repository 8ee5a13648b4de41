"""Rules about the manifest, and edits of its text."""
