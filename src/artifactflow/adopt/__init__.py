"""What exists already becomes a component or a pipeline: beside the original, which stays as it is."""

from artifactflow.adopt.adopt import adopt
from artifactflow.adopt.adoption import Adoption, Remark, diff_of, write_adoption

__all__ = ["Adoption", "Remark", "adopt", "diff_of", "write_adoption"]
