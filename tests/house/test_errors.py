"""Every error has a code of its own and an HTTP status."""

import pkgutil
from importlib import import_module

import dashboard
from dashboard import errors
from dashboard.web.problems import STATUS

for module in pkgutil.walk_packages(dashboard.__path__, "dashboard."):
    import_module(module.name)  # a class exists only once its module is read


def tree(base: type[errors.ScorecastError]) -> list[type[errors.ScorecastError]]:
    return [base, *(below for child in base.__subclasses__() for below in tree(child))]


TREE = tree(errors.ScorecastError)


def test_every_error_has_a_status_and_every_status_an_error() -> None:
    assert set(STATUS) == set(TREE)
    assert all(400 <= status <= 599 for status in STATUS.values())


def test_every_error_stands_in_the_one_tree() -> None:
    assert {error.__module__ for error in TREE} == {errors.__name__}
    stray = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException) and value not in TREE
    ]
    assert stray == []


def test_codes_are_distinct_and_spelt_alike() -> None:
    codes = [error.code for error in TREE]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)
