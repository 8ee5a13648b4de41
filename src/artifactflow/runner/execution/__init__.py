"""One execution of one step: its folder, its inputs and outputs, its record."""
