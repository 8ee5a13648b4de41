"""The child that traces a script stands apart; what it does is tested by read/test_trace_script.py."""

import ast
import sys


def test_it_imports_the_standard_library_and_nothing_else(repository):
    tree = ast.parse((repository / "src" / "artifactflow" / "child" / "trace.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
