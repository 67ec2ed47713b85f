"""Addresses of servers, and the credentials that people write into them."""

from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address.strip())
        _ = parts.port  # urllib checks it only when it is asked for
    except ValueError:
        raise ValueError("not an address") from None
    return parts


def _join(parts: SplitResult, query: str = "") -> str:
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), query, ""))


def split_credentials(address: str) -> tuple[str, str | None, str | None]:
    """``http://user:pass%21@host/path`` -> ``("http://host/path", "user", "pass!")``.

    Raises:
        ValueError: not an address at all; the message does not repeat it.
    """
    parts = _split(address)
    if "@" not in parts.netloc:
        return address.strip(), None, None
    return (
        _join(parts, parts.query),
        unquote(parts.username or ""),
        unquote(parts.password) if parts.password is not None else None,
    )


def redact_address(address: str) -> str:
    """The address without user, password, query and fragment; never fails, since errors use it."""
    try:
        return _join(_split(address))
    except ValueError:
        return "(not an address)"


def check_address(address: str) -> str:
    """An http(s) address without query; a slash at its end is taken away.

    Raises:
        ValueError: it is something else; the message does not repeat it, since it may hold a secret.
    """
    parts = _split(address)
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.query or parts.fragment:
        raise ValueError("must end with the path: a query cannot be part of it (give tokens as headers)")
    return _join(parts)
