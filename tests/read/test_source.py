"""Scripts are parsed with bounds, by several threads at once."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifactflow.errors import ContractError
from artifactflow.read.source import parse_expression, parse_module, parse_source

NESTED = "x = " + "[" * 60 + "1" + "]" * 60


def test_several_threads_may_parse_at_once():
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(parse_module, [NESTED * 1 + "\n" * number for number in range(400)]))
    assert len(trees) == 400


def test_a_fork_can_parse_whatever_other_threads_do():
    with ThreadPoolExecutor(2) as pool:
        parsing = [pool.submit(parse_module, NESTED) for _ in range(200)]
        children = []
        for _ in range(10):
            if (child := os.fork()) == 0:
                parse_expression("1 + 1")
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
        assert all(one.result() for one in parsing)


@pytest.mark.parametrize("text", ["def f(:", "x = \0", "(" * 300])
def test_what_is_not_python_is_refused_with_its_place(text):
    with pytest.raises(ContractError) as caught:
        parse_source(text, "main.py")
    assert caught.value.place.file == "main.py"
