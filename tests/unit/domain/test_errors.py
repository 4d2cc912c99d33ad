import inspect
import re

from bot.domain import errors
from bot.domain.errors import BerthError


def every_error() -> list[type[BerthError]]:
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, BerthError)
    ]


def test_every_code_is_unique_stable_text() -> None:
    codes = [kind.code for kind in every_error()]
    assert len(set(codes)) == len(codes)
    for kind in every_error():
        assert "code" in vars(kind), f"{kind.__name__} has no code of its own"
        words = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        assert kind is BerthError or kind.code == words


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert errors.__doc__ is not None
    path: list[str] = []
    drawn: dict[str, str] = {}
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)", line)
        if found is None or ("Error" not in line and "──" not in line):
            continue
        depth = len(found[1]) // 4 + ("──" in line)
        path[depth:] = [found[2]]
        if depth:
            drawn[found[2]] = path[depth - 1]
    assert drawn == {
        kind.__name__: kind.__base__.__name__
        for kind in every_error()
        if kind is not BerthError and kind.__base__ is not None
    }


def test_an_error_carries_its_data_and_prints_it_for_logs() -> None:
    error = errors.UnknownGpu("gpu9", ["gpu0@host1"])
    assert error.data == {"name": "gpu9", "known": ("gpu0@host1",)}
    assert str(error) == "unknown_gpu(name='gpu9', known=('gpu0@host1',))"
