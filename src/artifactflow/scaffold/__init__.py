"""New components and new projects, which run and pass their tests as they are.

What is to be made is a `Design`; `component_texts` and `project_texts` turn it into files, all of which come from its
one contract; `write_files` puts them there, all of them or none.
"""

from artifactflow.scaffold.component import component_commands, component_texts
from artifactflow.scaffold.design import Design, design_component
from artifactflow.scaffold.files import write_files
from artifactflow.scaffold.grammar import check_component_name
from artifactflow.scaffold.project import project_commands, project_texts

__all__ = [
    "Design",
    "check_component_name",
    "component_commands",
    "component_texts",
    "design_component",
    "project_commands",
    "project_texts",
    "write_files",
]
