"""The checks of texts: against loops, on texts made to be found and made not to be, and on real messages."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fastcl import Datalab
from fastcl.datalab.texts.personal_data import KINDS, find_personal_data
from fastcl.datalab.texts.reading import BLANK, CONTENT, MISSING, PUNCTUATION, content

CHECKS = ["empty_text", "short_text", "long_text", "repeated_text", "pii"]
TEXTS = [
    "Hello there",
    " ",
    None,
    "hello, THERE!",
    "...",
    "Mail me: a@b.org",
    "x",
    "word " * 300,
    "Hello there",
    "ñandú",
]


def run_texts(texts, **issue_types):
    """Return the lab in which checks have run, all of them unless some are named with their options."""
    lab = Datalab({"text": texts}, text_key="text", verbosity=0)
    lab.find_issues(issue_types=issue_types or CHECKS)
    assert not lab.failed, lab.failed
    return lab


def flags(lab, name):
    return lab.get_issues(name)[f"is_{name}_issue"].tolist()


def scores(lab, name):
    return lab.get_issues(name)[f"{name}_score"].to_numpy()


# -- empty


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, MISSING),
        ("", BLANK),
        (" \t\n\u00a0\u3000", BLANK),
        ("\u200b\ufeff", BLANK),
        ("...", PUNCTUATION),
        (" - ", PUNCTUATION),
        ("\u200b—", PUNCTUATION),
        ("a", CONTENT),
        ("7", CONTENT),
        ("“So?”", CONTENT),
        ("🙂", CONTENT),
        ("€", CONTENT),
        ("日本", CONTENT),
        ("¿", PUNCTUATION),
    ],
)
def test_content_is_letters_digits_and_symbols(text, expected):
    assert content(text) == expected


def test_empty_texts_are_flagged_and_counted():
    lab = run_texts(TEXTS, empty_text={})
    assert np.flatnonzero(flags(lab, "empty_text")).tolist() == [1, 2, 4]
    assert scores(lab, "empty_text").tolist() == [float(not flag) for flag in flags(lab, "empty_text")]
    assert lab.get_info("empty_text")["reasons"] == {"missing": 1, "blank": 1, "punctuation": 1}


# -- lengths


def naive_lengths(texts, fence=3.0):
    """Return (shortest usual length, longest usual length) by Tukey's fences on logarithms."""
    logs = [np.log(len(text.strip())) for text in texts]
    first, third = np.quantile([np.exp(value) for value in logs], [0.25, 0.75])
    reach = max(np.log(2), fence * (np.log(third) - np.log(first)))
    return np.exp(np.log(first) - reach), np.exp(np.log(third) + reach)


def make_texts(n=503, seed=0):
    """Return texts of ordinary lengths, with a few that are not."""
    rng = np.random.default_rng(seed)
    texts = ["y" * size for size in rng.lognormal(4, 0.3, n).astype(int) + 1]
    texts[3], texts[40], texts[41] = "ok", "z" * 3_000, "z" * 2_000
    return texts


@pytest.mark.parametrize("fence", [0, 1.5, 3.0])
def test_lengths_match_naive(fence):
    texts = make_texts()
    lab = run_texts(texts, short_text={"fence": fence}, long_text={"fence": fence})
    low, high = naive_lengths(texts, fence)
    assert flags(lab, "short_text") == [len(text) < low for text in texts]
    assert flags(lab, "long_text") == [len(text) > high for text in texts]
    # the loop takes logarithms, which costs some of the last digits
    assert lab.get_info("short_text")["min_characters"] == pytest.approx(low, rel=1e-12)
    assert lab.get_info("long_text")["max_characters"] == pytest.approx(high, rel=1e-12)


def test_scores_of_lengths_are_monotone_and_say_who_is_flagged():
    texts = make_texts()
    lab = run_texts(texts)
    order = np.argsort([len(text) for text in texts])
    for name, sign in (("short_text", 1), ("long_text", -1)):
        values = scores(lab, name)
        assert ((values >= 0) & (values <= 1)).all()
        assert (sign * np.diff(values[order]) >= 0).all()
        assert (values < 0.5).tolist() == flags(lab, name)
    assert np.flatnonzero(flags(lab, "short_text")).tolist() == [3]
    assert np.flatnonzero(flags(lab, "long_text")).tolist() == [40, 41]


def test_limits_by_hand_override():
    lab = run_texts(
        ["a" * size for size in range(1, 21)], short_text={"min_characters": 4}, long_text={"max_characters": 18}
    )
    assert np.flatnonzero(flags(lab, "short_text")).tolist() == [0, 1, 2]
    assert np.flatnonzero(flags(lab, "long_text")).tolist() == [18, 19]


@pytest.mark.parametrize("texts", [["abc"], ["same"] * 9, ["abcd"] * 9 + ["abc", "abcdef"]])
def test_like_lengths_are_no_issue(texts):
    lab = run_texts(texts)
    assert not any(flags(lab, "short_text") + flags(lab, "long_text"))


def test_empty_texts_have_no_length():
    lab = run_texts(TEXTS)
    for name in ("short_text", "long_text", "repeated_text"):
        assert np.flatnonzero(np.isnan(scores(lab, name))).tolist() == [1, 2, 4]
        assert not np.array(flags(lab, name))[[1, 2, 4]].any()


def test_empty_texts_alone_are_judged_by_nobody_else():
    lab = run_texts([None, "", "--"])
    assert flags(lab, "empty_text") == [True] * 3
    for name in ("short_text", "long_text", "repeated_text"):
        assert np.isnan(scores(lab, name)).all()


# -- repeated


def naive_repeated(texts):
    """Return (flags, scores) by counting what is left of each text in lower case without anything but words."""
    plain = [" ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split()) for text in texts]
    times = Counter(plain)
    return [times[text] > 1 for text in plain], [1 / times[text] for text in plain]


def test_repeated_matches_naive():
    rng = np.random.default_rng(0)
    words = ["Yes", "no", "Maybe", "yes!", "NO", "so-so", "so so"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 4))) for _ in range(503)]
    lab = run_texts(texts, repeated_text={})
    assert (flags(lab, "repeated_text"), scores(lab, "repeated_text").tolist()) == naive_repeated(texts)


def test_groups_of_repeated_texts_are_numbered_by_their_first_rows():
    lab = run_texts(["b", "a", "A ", "c", "b!", "A"], repeated_text={})
    issues = lab.get_issues("repeated_text")
    assert issues["group"].tolist() == [0, 1, 1, -1, 0, 1]
    assert issues["n_rows_alike"].tolist() == [2, 3, 3, 1, 2, 3]
    info = lab.get_info("repeated_text")
    assert info["n_groups"] == 2
    assert info["most_repeated"] == {"a": 3, "b": 2}
    strict = run_texts(["b", "a", "A ", "c", "b!", "A"], repeated_text={"normalize": "spaces"})
    assert strict.get_issues("repeated_text")["group"].tolist() == [-1, -1, 0, -1, -1, 0]


def test_texts_of_symbols_alone_are_told_apart():
    assert flags(run_texts(["🙂", "🙁", "🙂", "€"], repeated_text={}), "repeated_text") == [True, False, True, False]


# -- personal data

FOUND = [
    ("write to jane.doe+news@mail.example.co.uk.", "email", "jane.doe+news@mail.example.co.uk"),
    ("<joe_1@example.com>", "email", "joe_1@example.com"),
    ("card 4111 1111 1111 1111, thanks", "card", "4111 1111 1111 1111"),
    ("5500-0000-0000-0004", "card", "5500-0000-0000-0004"),
    ("amex 378282246310005", "card", "378282246310005"),
    ("IBAN: DE89 3704 0044 0532 0130 00 please", "iban", "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
    ("ssn 123-45-6789", "ssn", "123-45-6789"),
    ("host 192.168.0.1.", "ip", "192.168.0.1"),
    ("at 2001:db8:85a3::8a2e:370:7334!", "ip", "2001:db8:85a3::8a2e:370:7334"),
    ("call +49 (0)30 123456-78 now", "phone", "+49 (0)30 123456-78"),
    ("+14155552671", "phone", "+14155552671"),
    ("(212) 555-0123", "phone", "(212) 555-0123"),
    ("1-800-555-0199", "phone", "1-800-555-0199"),
    ("Tel. 030/1234567", "phone", "030/1234567"),
    ("020 7946 0958", "phone", "020 7946 0958"),
]

NOT_FOUND = [
    "@jane, see user@localhost",
    "4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "order 12345678901234",
    "DE88 3704 0044 0532 0130 00",
    "DE21 3704 0044 0532 0130 00",
    "000-12-3456 and 123-45-67890",
    "2024-01-31 12:30:45",
    "version 1.2.3 or 300.1.1.1",
    "127.0.0.1 and 0.0.0.0",
    "std::vector<int> a::b",
    "00:1a:2b:3c:4d:5e",
    "3.14159265358979",
    "1,234,567.89 EUR",
    "ISBN 978-3-16-148410-0",
    "12 34 56 78",
]


@pytest.mark.parametrize(("text", "kind", "words"), FOUND)
def test_personal_data_are_found(text, kind, words):
    assert find_personal_data(text, KINDS) == [(kind, words)]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_resembles_personal_data_is_not_found(text):
    assert find_personal_data(text, KINDS) == []


def test_nothing_is_found_twice():
    assert find_personal_data("+14155552671@example.com", KINDS) == [("email", "+14155552671@example.com")]


def test_pii_is_counted_by_text_and_masked():
    lab = run_texts(["Hi", "a@b.org, c@d.org, 192.168.0.1", None, "192.168.0.7"], pii={})
    issues = lab.get_issues("pii")
    assert issues["is_pii_issue"].tolist() == [False, True, False, True]
    assert issues["pii_score"].tolist() == [1, 1 / 4, 1, 1 / 2]
    assert issues["pii_types"].tolist() == ["", "email, ip", "", "ip"]
    assert issues["pii_items"].tolist() == ["", "a@*.**g, c@*.**g, 1**.***.*.1", "", "1**.***.*.7"]
    assert lab.get_info("pii")["rows_by_type"] == {"email": 1, "iban": 0, "card": 0, "ssn": 0, "ip": 2, "phone": 0}


@pytest.mark.parametrize("types", ["ip", ["ip"]])
def test_pii_looks_only_for_the_types_asked_for(types):
    lab = run_texts(["a@b.org", "192.168.0.1"], pii={"types": types})
    assert flags(lab, "pii") == [False, True]


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "a", "a.", "a@", "@", "A1", "A1 ", "+1", "1.", "1:", "f:", "::", "(0", "a-", "-", "1-", " "]
)
def test_no_text_makes_a_pattern_backtrack(piece):
    """What backtracks takes minutes for this, and would never end."""
    find_personal_data("@" + piece * (200_000 // len(piece)) + "!", KINDS)
