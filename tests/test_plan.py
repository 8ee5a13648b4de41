"""The cache key: what it is computed of, and that it stays what it was."""

import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.plan import CACHE_KEY_VERSION, Ingredients, InputIdentity

texts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@settings(max_examples=50)
@given(code=texts, environment=texts, variables=texts)
def test_the_key_is_the_digest_of_sorted_json(code, environment, variables):
    ingredients = Ingredients(
        "fit",
        "main",
        "python main.py",
        parameters={"number": 1, "text": "1"},
        inputs={"data": InputIdentity("sha256:ab", "data:v1")},
        code=code,
        environment=environment,
        variables=variables,
        outputs={"model": "model (model)"},
    )
    content = {
        "version": CACHE_KEY_VERSION,
        "component": "fit",
        "entry_point": "main",
        "command": "python main.py",
        "parameters": {"number": ["int", "1"], "text": ["str", "1"]},
        "inputs": {"data": "sha256:ab"},
        "code": code,
        "environment": environment,
        "variables": variables,
        "outputs": {"model": "model (model)"},
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert ingredients.cache_key() == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_order_in_which_packages_are_found_does_not_matter():
    one = Ingredients("fit", "main", "", environment={"numpy": "2", "pandas": "3"})
    other = Ingredients("fit", "main", "", environment={"pandas": "3", "numpy": "2"})
    assert one.cache_key() == other.cache_key()
