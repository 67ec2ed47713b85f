"""Untrusted text and YAML: what goes in comes out, and nothing breaks out of its place."""

import math

import pytest
import yaml
from fakes.plans import HOSTILE_TEXT
from hypothesis import example, given
from hypothesis import strategies as st

from planner.patches.untrusted import LONG_DIGEST, file_stem, markdown_text, one_line
from planner.patches.yaml_text import comment_lines, scalar, to_yaml

ANY_TEXT = st.text(max_size=40)
WORDS = [
    "on", "off", "yes", "no", "y", "n", "Y", "true", "null", "~", "0x10", "0o7", "010", "1e3", "1_000", "2", "1.5",
    ".5", ".inf", ".nan", "NaN", "inf", "1:30", "2001-01-01", "=", "<<", "-", "---", "...", "- a", "a: b", "a #b",
    "#a", "", " ", " a", "a ", "'", '"', "\\", "{", "[", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "?", ",",
    "500m", "1Gi", "\t", "a\nb", "\x00", "\x1b[0m", "\x85", "\u2028", "\ufeff", "\U0001f600", "\U000e0041", "\ufffe",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_any_word_is_the_same_text_after_yaml(word):
    assert yaml.safe_load(to_yaml({"a": word, "b": [word]})) == {"a": word, "b": [word]}


@pytest.mark.parametrize("word", ["1e3", "1E3", "0o7", "0x1F", "y", "n", "12e03", "+1", "1_0"])
def test_words_that_other_readers_take_for_something_else_are_quoted(word):
    """YAML 1.1 and 1.2 readers disagree on these, and PyYAML is only one of them."""
    assert scalar(word) == f'"{word}"'


def deeper(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)


@given(st.recursive(ANY_TEXT | st.booleans() | st.none() | st.integers(), deeper, max_leaves=10))
def test_any_document_is_the_same_after_yaml(document):
    assert yaml.safe_load(to_yaml(document)) == document


def test_half_a_surrogate_pair_becomes_the_sign_for_no_character():
    assert scalar("\ud800") == '"\ufffd"'


@given(ANY_TEXT)
@example(HOSTILE_TEXT)
@example("a\u2028- b: c\x85d\r\ne")
def test_no_text_ends_its_comment(text):
    """A document with the text as its comment is the document without it."""
    document = to_yaml({"aa": {"bb": "1"}}, {("aa", "bb"): (text,), ("aa",): (text,)})
    assert yaml.safe_load(document) == {"aa": {"bb": "1"}}
    assert all(line.lstrip().startswith("#") or line in ("aa:", '  bb: "1"') for line in document.splitlines())


def test_comments_are_wrapped_and_cut():
    lines = comment_lines("word " * 1000)
    assert max(map(len, lines)) <= 98
    assert sum(map(len, lines)) < 600
    assert lines[-1].endswith("...")


@given(st.text())
def test_one_line_has_no_control_character_and_is_no_longer_than_asked(text):
    assert one_line(text, 20).isprintable()
    assert len(one_line(text, 20)) <= 20
    assert one_line(text, 10**6) == text or not text.isprintable()


def test_markdown_shows_the_text_itself():
    assert markdown_text("a|b`c`<b>*x*_y_[z](u)@team") == (r"a\|b\`c\`&lt;b&gt;\*x\*\_y\_\[z\](u)&#64;team")


@pytest.mark.parametrize("name", ["web", "web.v1", "a-b.c", "on", "1e3", "x" * 120])
def test_kubernetes_names_stay_as_file_names(name):
    assert file_stem(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/abs", "a/b", "A", "con", "nul.txt", "com1", "a_b", "a b", "é", "-rf", "x" * 121]
)
def test_other_names_become_harmless_and_keep_apart(name):
    stem = file_stem(name)
    assert stem != name
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert stem.rpartition("_")[2].isalnum()
    assert len(stem) <= 60


@given(st.lists(st.text(max_size=200), unique=True, max_size=20))
def test_different_names_give_different_files_even_where_case_does_not_count(names):
    assert len({file_stem(name).lower() for name in names}) == len(names)
    assert all(len(file_stem(name, digest_length=LONG_DIGEST)) <= 110 for name in names)


def test_the_digest_comes_from_the_identity():
    assert file_stem("A", "one") != file_stem("A", "two")
    assert math.isclose(len(file_stem("A", "one", digest_length=LONG_DIGEST)), len("a_") + LONG_DIGEST)
