"""What an answer that is not 200 means, in the words of :mod:`planner.errors`."""

import re
import ssl
from enum import Enum
from itertools import islice

import msgspec

from planner.errors import SourceAnswerInvalid, SourceDenied, SourceError, SourceLimit, SourceUnreachable

MESSAGE_LENGTH = 300

TOO_BIG = re.compile(
    r"too many (samples|chunks|series|points|data ?points|bytes)"
    r"|maximum resolution"
    r"|exceed(s|ed|ing)? .{0,60}(limit|maximum|max|allowed|threshold|resolution)"
    r"|(limit|maximum|max|threshold) .{0,60}exceeded"
    r"|max-(fetched|samples|series|chunks|query|total)|err-mimir-max|maxsamples|max_samples"
    r"|query (length|range|time range) .{0,40}(long|exceed|limit)"
    r"|response (size )?(is )?too large|cannot select more than",
    re.IGNORECASE,
)
"""Texts by which servers refuse the size of a question (Prometheus, Thanos, Mimir, VictoriaMetrics, AMP)."""

TOO_OFTEN = re.compile(r"rate limit|too many (outstanding )?requests|concurren|quota per|throttl", re.IGNORECASE)
"""Texts by which servers refuse the number of questions: the same one may pass later."""


class Verdict(Enum):
    """What to do after an answer that is not 200."""

    BUSY = "ask again later"
    TOO_BIG = "ask for less"
    DENIED = "stop: credentials"
    REFUSED = "stop: the server does not take this question"


class _ErrorBody(msgspec.Struct):
    status: str = ""
    error_type: str = msgspec.field(default="", name="errorType")
    error: str = ""


def clean(text: str, length: int = MESSAGE_LENGTH) -> str:
    """A foreign text on one line, without control characters, cut to a length."""
    printable = "".join(c if c.isprintable() else " " for c in islice(text, 8 * length))
    line = " ".join(printable.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def server_message(body: bytes) -> tuple[str, str]:
    """(errorType, message) of an error body; HTML and other text is shortened to its words."""
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body[:4000].decode("utf-8", errors="replace")
        return "", clean(re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE))
    return clean(parsed.error_type, 40), clean(parsed.error)


def verdict(status: int, error_type: str, message: str) -> Verdict:
    """Judge an answer by its status and its text."""
    if status in (401, 403, 407):
        return Verdict.DENIED
    if status == 413 or error_type == "timeout":
        return Verdict.TOO_BIG
    too_big = bool(TOO_BIG.search(message)) and not TOO_OFTEN.search(message)
    if too_big and status in (200, 400, 422, 429, 500, 503):
        return Verdict.TOO_BIG
    if status in (408, 429, 499, 502, 503, 504):
        return Verdict.BUSY
    return Verdict.REFUSED


def failure(status: int, body: bytes, where: str) -> tuple[Verdict, SourceError]:
    """The verdict on an error answer and the exception to raise when nothing else helps."""
    error_type, message = server_message(body)
    judged = verdict(status, error_type, message)
    said = f": {message}" if message else ""
    if judged is Verdict.DENIED:
        return judged, SourceDenied(
            f"Prometheus answers {status}{said}",
            where=where,
            fix="check the token, the user or the tenant header of Prometheus",
        )
    if judged is Verdict.TOO_BIG:
        return judged, SourceLimit(
            f"Prometheus refuses the size of the question ({status}{said})",
            where=where,
            fix="choose a larger --step, fewer namespaces, or raise the limits of the server",
        )
    if judged is Verdict.BUSY:
        return judged, SourceUnreachable(
            f"Prometheus is too busy ({status}{said})", where=where, fix="try again later or with fewer threads"
        )
    if status == 404:
        return judged, SourceError(
            f"no Prometheus API here (404{said})",
            where=where,
            fix="give the URL up to the part before /api/v1, with the prefix (Mimir: /prometheus)",
        )
    return judged, SourceError(f"Prometheus refuses a query ({status}{said})", where=where)


def redirected(status: int, location: str, where: str) -> SourceAnswerInvalid:
    """A redirect is not followed: headers and tokens would go to another server."""
    return SourceAnswerInvalid(
        f"Prometheus sends the query elsewhere ({status} to {clean(location, 120) or 'nowhere'})",
        where=where,
        fix="give the URL where it answers itself; a login page needs a token or a header",
    )


def connection_reason(error: BaseException) -> str:
    """Why a connection failed, from the innermost cause, without any URL in it."""
    seen: set[int] = set()
    reason = ""
    stack: list[BaseException] = [error]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {clean(current.verify_message, 120)}"
        if isinstance(current, ssl.SSLError):
            told = current.reason or (current.args[-1] if current.args else "")
            reason = f"TLS failed: {clean(str(told).partition(' (_ssl')[0], 80)}"
        elif isinstance(current, OSError) and current.strerror and not reason:
            reason = clean(current.strerror, 120)
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        stack.extend(item for item in inner if isinstance(item, BaseException))
    return reason or "the connection failed"
