"""Text that came from a cluster, made safe to print: on a terminal, in a comment, in Markdown, as a file name.

Names and messages of a cluster may hold line ends, terminal escapes or marks that turn the reading
direction. Each such character is shown as its escape, with a backslash, so a reader sees it.
"""

import hashlib
import re

_MARKDOWN = re.compile(r"([\\`*_\[\]|~$#])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_SAFE_STEM = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.ASCII)
_LONGEST_STEM = 120
SHORT_DIGEST = 12
LONG_DIGEST = 64


def one_line(text: object, limit: int = 240) -> str:
    """A text as one printable line of at most ``limit`` characters, the cut marked with ``...``."""
    whole = str(text)
    clean = whole if whole.isprintable() else "".join(_visible(character) for character in whole)
    return clean if len(clean) <= limit else clean[: max(limit - 3, 0)] + "..."


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def markdown_text(text: object, limit: int = 240) -> str:
    """A text that Markdown shows as it is: no markup, no HTML, no table cell's end, no mention of an account."""
    escaped = _MARKDOWN.sub(r"\\\1", one_line(text, limit))
    return "".join(_ENTITIES.get(character, character) for character in escaped)


def file_stem(text: str, identity: str = "", *, dots: bool = True, digest_length: int = SHORT_DIGEST) -> str:
    """A file name without suffix for any text: portable, and nearly always another one for another text.

    Kubernetes names stay as they are. Everything else (another alphabet, upper case, path separators, too
    long, reserved by Windows) becomes its harmless characters, ``_`` and the start of its SHA-256. No
    Kubernetes name has an underscore, so the two forms cannot meet.

    Args:
        text: any.
        identity: what the digest is made of, where the text is not all that tells two things apart.
        dots: whether a dot is harmless here.
        digest_length: hex digits; the long digest is always added.
    """
    plain = _SAFE_STEM.fullmatch(text) and len(text) <= _LONGEST_STEM and ".." not in text and (dots or "." not in text)
    if plain and not _RESERVED.fullmatch(text) and digest_length == SHORT_DIGEST:
        return text
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")
    digest = hashlib.sha256((identity or text).encode("utf-8", "backslashreplace")).hexdigest()
    return f"{slug}_{digest[:digest_length]}"
