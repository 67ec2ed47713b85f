"""Shapes over the week, as functions of absolute time.

Every pattern is 0 with nothing to do and 1 at the top of an ordinary week. Only uniform numbers of
PCG64 are drawn, since that stream is the same in every release of numpy.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from planner.collectors.sample.spec import Pattern

Floats = NDArray[np.float64]


def generator(seed: int, *names: object) -> np.random.Generator:
    """An own stream of random numbers for one name, so that adding a workload changes no other."""
    text = "/".join(str(name) for name in names)
    digest = hashlib.sha256(f"{seed}:{text}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def token(seed: int, length: int, *names: object) -> str:
    """A suffix as Kubernetes draws it for names."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.sha256(f"{seed}:{'/'.join(map(str, names))}".encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def hexadecimal(seed: int, length: int, *names: object) -> str:
    """Hex digits for ids and digests."""
    return hashlib.sha256(f"{seed}:{'/'.join(map(str, names))}".encode()).hexdigest()[:length]


def normal(random: np.random.Generator, size: int) -> Floats:
    """Nearly normal numbers, mean 0 and deviation 1: the sum of four uniform ones."""
    draws: Floats = random.random((4, size))
    result: Floats = (draws.sum(axis=0) - 2.0) * 3.0**0.5
    return result


def wander(random: np.random.Generator, size: int, window: int = 24) -> Floats:
    """Slow noise of mean 0 and deviation about 1: a moving mean of white noise."""
    white = normal(random, size + window)
    total = np.cumsum(white)
    slow: Floats = (total[window:] - total[:-window]) / window**0.5
    return slow


def pattern(name: Pattern, seconds: Floats, random: np.random.Generator) -> Floats:
    """Values of a pattern at times (Unix seconds, UTC); ``random`` is used by the irregular ones only."""
    hour = (seconds / 3600.0) % 24.0
    weekday = np.floor(seconds / 86400.0 + 3.0) % 7.0  # 1970-01-01 was a Thursday
    weekend = weekday >= 5
    if name == "office":
        wave = np.exp(-(((hour - 15.0) / 2.6) ** 2)) + 0.9 * np.exp(-(((hour - 19.5) / 2.2) ** 2))
        return np.where(weekend, 0.18, 1.0) * np.minimum(wave, 1.0)
    if name == "consumer":
        wave = 0.5 + 0.5 * np.cos((hour - 1.0) / 24.0 * 2 * np.pi)
        return np.where(weekend, 1.0, 0.85) * (0.15 + 0.85 * wave**1.5)
    if name == "flat":
        return np.full(seconds.shape, 0.6)
    if name == "nightly":
        return np.where((hour >= 2.0) & (hour < 5.0), 1.0, 0.05)
    if name == "hourly":
        return np.where((seconds % 3600.0) < 600.0, 1.0, 0.08)
    if name == "bursty":
        return bursts(seconds, random)
    if name == "training":
        return np.where((seconds % 5400.0) < 300.0, 0.25, 0.93)
    return np.zeros(seconds.shape)


def bursts(seconds: Floats, random: np.random.Generator) -> Floats:
    """On and off: bursts of 10 to 90 minutes, about four a day, of unequal height."""
    level = np.full(seconds.shape, 0.03)
    if not len(seconds):
        return level
    days = int((seconds[-1] - seconds[0]) // 86400) + 1
    for start, length, height in random.random((4 * days, 3)):
        begin = int(start * len(seconds))
        end = begin + 2 + int(length**2 * 16)
        level[begin:end] = np.maximum(level[begin:end], 0.25 + 0.75 * height)
    return level


def quantised(values: Floats, bits: int) -> Floats:
    """Values with so many bits of mantissa: 6 bits round to about 1 %, and the files compress well."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * (1 << bits)) / (1 << bits), exponent)
