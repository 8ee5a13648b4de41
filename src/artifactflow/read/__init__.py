"""Text and code → values. No user code is executed here."""
