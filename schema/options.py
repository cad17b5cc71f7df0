"""Check numbers that a user may set."""

from __future__ import annotations

from dataclasses import dataclass

from homodb.schema.errors import HomodbError


@dataclass(frozen=True)
class Bounds:
    """Bounds of a number.

    Parameters
    ----------
    low, high
        The least and the largest value.
    above
        Whether `low` itself is excluded.

    Examples
    --------
    >>> str(Bounds(1, 10_000)), str(Bounds(0, 1, above=True))
    ('at least 1 and at most 10,000', 'above 0 and at most 1')
    """

    low: float
    high: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        """Return whether a number is within the bounds; NaN is not."""
        return (value > self.low if self.above else value >= self.low) and value <= self.high

    def __str__(self) -> str:
        """Return the text after "it must be"."""
        return f"{'above' if self.above else 'at least'} {_shown(self.low)} and at most {_shown(self.high)}"

    def check(self, name: str, value: float, error: type[HomodbError]) -> None:
        """Check that a number is within the bounds.

        Examples
        --------
        >>> from homodb.schema.errors import AnnotationError
        >>> Bounds(1, 10_000).check("k", -3, AnnotationError)
        Traceback (most recent call last):
        ...
        homodb.schema.errors.AnnotationError: k is -3; it must be at least 1 and at most 10,000
        """
        if value not in self:
            raise error(f"{name} is {value}; it must be {self}", option=name)


def whole_number(text: str) -> int:
    """Parse a whole number, such as ``50`` or ``1e4``.

    Raises
    ------
    ValueError
        If it is not a whole number.

    Examples
    --------
    >>> whole_number("1e4")
    10000
    """
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
