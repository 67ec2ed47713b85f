"""Which plain environment variables look like secrets. Only their names ever leave this module.

Three signs, any of which is enough:

1. the value has the shape of a known credential (cloud keys, tokens of forges, JWT, private keys);
2. the value is a URL or connection string with a password in it;
3. the name says so (``DB_PASSWORD``) and a plain value stands there, or the value is a long random
   text: Shannon entropy of its characters at least 4 bits (3 for hexadecimal text).
"""

import math
import re
from collections import Counter

_KNOWN_SHAPES = re.compile(
    r"""
    \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                       # AWS access key id
    | \bgh[pousr]_[A-Za-z0-9]{30,} | \bgithub_pat_\w{30,}
    | \bglpat-[\w-]{15,} | \bnpm_[A-Za-z0-9]{30,} | \bpypi-[\w-]{30,}
    | \bxox[abeoprs]-[\w-]{10,}                         # Slack
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}            # Stripe
    | \bsk-[A-Za-z0-9_-]{20,} | \bhf_[A-Za-z0-9]{20,}
    | \bAIza[\w-]{30,} | \bya29\.[\w-]{20,}             # Google
    | \bSG\.[\w-]{16,}\.[\w-]{16,} | \bdop_v1_[0-9a-f]{40,} | \bhv[bs]\.[\w-]{20,}
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                 # JWT
    | -----BEGIN[ A-Z]{0,30}PRIVATE[ ]KEY
    | \b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{20,}
    """,
    re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/@:]{0,200}:([^\s/@]{1,300})@")
_PAIR_PASSWORD = re.compile(
    r"(?:^|[;&?\s])(?:password|passwd|pwd|secret|token|api_?key)=([^;&\s]{3,300})", re.IGNORECASE
)
_NAME = re.compile(
    r"passw|passphrase|(?:^|_)(?:pwd|pass|auth|dsn|pat|salt)(?:$|_)|secret|token|credential"
    r"|api_?key|access_?key|private_?key|encryption_?key|signing_?key|master_?key|connection_?string",
    re.IGNORECASE,
)
_NAME_OF_SOMETHING_ELSE = re.compile(
    r"_(?:file|path|dir|name|url|uri|host|port|ttl|expiry|expiration|lifetime|timeout|seconds|minutes|days|enabled"
    r"|disabled|type|mode|method|provider|issuer|audience|algorithm|id|arn|ref|length|size|limit|count|header|class)$",
    re.IGNORECASE,
)
_NAME_OF_A_HASH = re.compile(
    r"sha\d*|commit|digest|checksum|hash|revision|version|build|uid|uuid|image|tag", re.IGNORECASE
)
_HARMLESS = re.compile(
    r"true|false|yes|no|on|off|none|null|enabled|disabled|required|optional|\*+|\d{1,3}", re.IGNORECASE
)
_REFERENCE = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}")
_RANDOM = re.compile(r"[A-Za-z0-9+/=_.~-]{20,512}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{32,512}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LONGEST_VALUE = 20_000


def looks_like_secret(name: str, value: str) -> bool:
    """Whether a variable with a plain value seems to hold a secret.

    Args:
        name: the variable's name; empty judges the value alone.
        value: its plain value; ``$(OTHER)`` references count as nothing.
    """
    value = _REFERENCE.sub("", value[:LONGEST_VALUE]).strip()
    if not value:
        return False
    if _KNOWN_SHAPES.search(value) or _URL_PASSWORD.search(value) or _PAIR_PASSWORD.search(value):
        return True
    plain_address = value.startswith(("/", "./", "http://", "https://"))
    if _name_says_secret(name) and not plain_address and not _HARMLESS.fullmatch(value):
        return True
    return _looks_random(name, value)


def _name_says_secret(name: str) -> bool:
    return bool(_NAME.search(name)) and not _NAME_OF_SOMETHING_ELSE.search(name)


def _looks_random(name: str, value: str) -> bool:
    if _NAME_OF_A_HASH.search(name) or _UUID.fullmatch(value):
        return False
    if _HEX.fullmatch(value):
        return entropy_bits(value.lower()) >= 3.0
    if not _RANDOM.fullmatch(value) or value.count("/") > 2 or value.count(".") > 1 or value.count("-") > 2:
        return False
    mixed = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed == 3 and entropy_bits(value) >= 4.0


def entropy_bits(value: str) -> float:
    """Shannon entropy of the characters of a text, in bits per character."""
    counts = Counter(value)
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in counts.values())
