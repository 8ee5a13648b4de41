"""`python -m artifactflow.invoke NAME --option=…`: a built-in step as a process of its own."""

import sys

from artifactflow.invoke.step_function import run
from artifactflow.read.built_in import step_function

if __name__ == "__main__":
    run(step_function(sys.argv[1]), sys.argv[2:])
