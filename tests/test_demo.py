"""The demo: it finds what was planted, says so honestly, and its pictures are the digits."""

from __future__ import annotations

import io
import re
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from fastcl.cli import main
from fastcl.cli.demo import tell, terminal_style
from fastcl.report.demo import audit_digits, plant_errors
from fastcl.report.demo_page import demo_page
from fastcl.report.pictures import Picture, draw, enlarge, gallery
from fastcl.report.png import encode_png


@pytest.fixture(scope="module")
def trials():
    return audit_digits()


# -- the audit


def test_planted_errors_are_few_known_and_always_the_same():
    labels = load_digits(return_X_y=True)[1]
    planted = plant_errors(labels)
    changed = planted != labels
    assert changed.sum() == 54
    assert set(planted) == set(range(10))
    np.testing.assert_array_equal(planted, plant_errors(labels))


def test_demo_finds_what_was_planted(trials):
    published, planted = trials
    assert planted.is_planted.sum() == 54
    assert planted.recall > 0.8
    assert planted.precision > 0.9
    assert planted.n_found == len(set(planted.worklist.row) & set(np.flatnonzero(planted.is_planted)))
    assert not published.is_planted.any()
    assert len(published.worklist) < 20
    assert (published.pred_probs.argmax(axis=1) == published.truth).mean() > 0.98


def test_probabilities_are_out_of_sample(trials):
    """Neighbours at distance zero would give every training label back."""
    planted = trials[1]
    rows = np.flatnonzero(planted.is_planted)
    assert planted.pred_probs[rows, planted.labels[rows]].mean() < 0.1


def test_digits_match_their_row(trials):
    planted = trials[1]
    row = int(planted.worklist.row[0])
    (digit,) = planted.digits(np.array([row]))
    assert (digit.row, digit.given, digit.truth) == (row, planted.labels[row], planted.truth[row])
    assert digit.suggested == planted.pred_probs[row].argmax() == planted.worklist.suggested[0]
    assert digit.score == planted.worklist.score[0] == planted.pred_probs[row, digit.given]
    assert digit.suggested_probability == planted.pred_probs[row].max()
    assert digit.is_flagged
    assert digit.is_planted == (digit.given != digit.truth)
    np.testing.assert_array_equal(digit.image * 16, load_digits().images[row])


def test_least_trusted_rows_begin_with_those_flagged(trials):
    for trial in trials:
        order, flagged = trial.least_trusted(), trial.worklist.row
        np.testing.assert_array_equal(np.sort(order), np.arange(1797))
        np.testing.assert_array_equal(order[: len(flagged)], flagged)
        scores = trial.pred_probs[order, trial.labels[order]]
        assert (np.diff(scores[len(flagged) :]) >= 0).all()


def test_clearest_error_was_planted_and_found(trials):
    digit = trials[1].clearest_error()
    assert digit.is_planted
    assert digit.is_flagged


# -- pictures


@pytest.mark.parametrize("style", ["colour", "blocks", "letters"])
def test_pictures_have_two_characters_a_pixel(style):
    lines = draw(np.linspace(0, 1, 64).reshape(8, 8), style)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert [len(line) for line in plain] == [16] * 8


def test_pictures_grow_darker_with_ink():
    assert draw(np.array([[0, 0.25, 0.5, 0.75, 1]]), "letters") == ["  ..::**##"]
    assert draw(np.array([[0, 1.0]]), "blocks") == ["  ██"]
    paper, ink = draw(np.zeros((1, 1)), "colour")[0], draw(np.ones((1, 1)), "colour")[0]
    assert "38;5;255;48;5;255" in paper
    assert "38;5;232;48;5;232" in ink


@pytest.mark.parametrize(("width", "per_row"), [(80, 4), (35, 2), (34, 1), (5, 1), (200, 5)])
def test_gallery_fits_the_width(width, per_row):
    pictures = [
        Picture(np.ones((8, 8)), [f"number {i}", "a caption far too long for sixteen columns"]) for i in range(5)
    ]
    shown = gallery(pictures, "letters", width)
    rows = shown.split("\n\n")
    assert len(rows) == -(-5 // per_row)
    assert rows[0].count("number") == per_row
    assert max(map(len, shown.splitlines())) <= max(width, 16)
    assert gallery([], "letters", 80) == ""


def test_enlarge_keeps_constants_and_the_mean():
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(enlarge(np.full((3, 4), 0.3), 5), np.full((15, 20), 0.3))
    image = np.pad(rng.random((6, 5)), 2)
    large = enlarge(image, 4)
    assert large.shape == (40, 36)
    assert large.mean() == pytest.approx(image.mean())  # an empty margin: nothing is lost at the border
    assert enlarge(image, 1) == pytest.approx(image)


def test_png_holds_the_ink():
    image = np.linspace(0, 1, 12).reshape(3, 4)
    png = encode_png(image)
    chunks, place = {}, 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0] == zlib.crc32(kind + content)
        chunks[kind], place = content, place + 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (4, 3)
    pixels = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(3, 9)
    np.testing.assert_array_equal(pixels[:, 2::2], np.rint(image * 255))  # alpha
    assert not pixels[:, 1::2].any()  # black


def stream(encoding, is_terminal):
    return SimpleNamespace(encoding=encoding, isatty=lambda: is_terminal, buffer=io.BytesIO())


@pytest.mark.parametrize(
    ("encoding", "is_terminal", "environment", "style"),
    [
        ("utf-8", True, {}, "colour"),
        ("utf-8", False, {}, "blocks"),
        ("utf-8", True, {"NO_COLOR": "1"}, "blocks"),
        ("utf-8", True, {"TERM": "dumb"}, "blocks"),
        ("ascii", True, {}, "letters"),
        ("latin-1", False, {}, "letters"),
        (None, False, {}, "letters"),
    ],
)
def test_style_suits_the_terminal(monkeypatch, encoding, is_terminal, environment, style):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal_style(stream(encoding, is_terminal)) == style


# -- words and page


def test_demo_tells_the_numbers(trials, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    published, planted = trials
    text = " ".join(tell(published, planted).split())
    assert "of 1,797 handwritten digits, 54 labels (3.0 %) were changed at random" in text
    assert f"fastcl flags {len(planted.worklist)}; {planted.n_found} of these were changed" in text
    assert f"fastcl flags {len(published.worklist)} of 1,797" in text
    assert text.count("score ") == 12
    assert text.count("changed from ") == planted.is_planted[planted.worklist.row[:8]].sum()
    assert max(map(len, tell(published, planted).splitlines())) <= 80


def test_page_needs_no_network_and_no_script(trials):
    page = demo_page(*trials)
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|\son\w+=", re.sub(r"base64,[^\"]+", "", page))
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<img") == page.count('src="data:image/png;base64,')
    assert "$" not in page
    for tag in ("main", "section", "ul", "li", "details", "figure", "p", "div", "span"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_page_shows_what_was_found_missed_and_wrongly_flagged(trials):
    published, planted = trials
    page = demo_page(published, planted)
    n_missed, n_wrong = 54 - planted.n_found, len(planted.worklist) - planted.n_found
    assert f"{n_missed} changed labels that it missed" in page
    assert (f"{n_wrong} flagged although nobody had changed it" in page) == bool(n_wrong)
    assert page.count("<li>") == 12 + n_missed + n_wrong + 6
    assert page.count(">flagged</p>") == min(6, len(published.worklist))
    assert f"<b>{planted.n_found}</b>" in page


def test_page_is_reproducible(trials):
    assert demo_page(*trials) == demo_page(*trials)


def test_demo_runs_the_whole_job(tmp_path, capsys, trials, monkeypatch):
    monkeypatch.setattr("fastcl.cli.demo.audit_digits", lambda n_jobs: trials)
    assert main(["audit", "--demo", "--out", str(tmp_path / "out"), "--fail-on", "label>50%"]) == 0
    out, err = capsys.readouterr()
    assert "Known answers" in out
    assert f"look at {tmp_path / 'out' / 'demo.html'} in a browser" in err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "demo.html", "manifest.json", "worklist.csv", "worklist.parquet"
    }  # fmt: skip
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert first["demo.html"].decode() == demo_page(*trials)
    assert main(["audit", "--demo", "--out", str(tmp_path / "out"), "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


def test_demo_is_reproducible(trials):
    again = audit_digits(n_jobs=1)
    for first, second in zip(trials, again, strict=True):
        np.testing.assert_array_equal(first.pred_probs, second.pred_probs)
        np.testing.assert_array_equal(first.worklist.row, second.worklist.row)
