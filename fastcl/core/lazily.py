"""Properties that are computed when first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class kept(Generic[Value]):  # noqa: N801  a decorator
    """A property that is computed when first asked for, and kept.

    Unlike `functools.cached_property` it has no lock, which in Python 3.11 is one for all objects of a class and stays
    locked in a child forked meanwhile; two threads that ask at once may both compute.

    Examples
    --------
    >>> class Answer:
    ...     @kept
    ...     def value(self):
    ...         print("thinking")
    ...         return 42
    >>> answer = Answer()
    >>> answer.value + answer.value
    thinking
    84
    """

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Value: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> Self | Value:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._function(instance)
        return value
