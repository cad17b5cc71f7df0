"""What results are called in an AnnData."""

from __future__ import annotations

from homodb.schema.errors import HomodbError


def check_key(key: str | None, error: type[HomodbError]) -> None:
    """Refuse a name of results that a file could not hold: h5ad and zarr part names by slashes.

    Parameters
    ----------
    key
        The name; None for the default.
    error
        What is raised.

    Examples
    --------
    >>> from homodb.schema.errors import IntegrationError
    >>> check_key("a/b", IntegrationError)
    Traceback (most recent call last):
    ...
    homodb.schema.errors.IntegrationError: results cannot be called 'a/b'; give a name without a slash (--key)
    """
    if key is not None and (not key.strip() or "/" in key):
        raise error(f"results cannot be called {key!r}; give a name without a slash (--key)")
