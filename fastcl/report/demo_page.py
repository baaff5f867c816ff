"""The demo as one page of HTML that needs nothing else: no network, no script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from string import Template

import numpy as np

from fastcl import __version__
from fastcl.report.demo import Digit, Trial
from fastcl.report.pictures import enlarge
from fastcl.report.png import as_data_uri
from fastcl.report.summary import percent

#: How a digit is drawn: with an empty pixel around it, so many times finer than its pixels, with edges.
MARGIN, FINENESS, CONTRAST = 1, 10, 1.5

N_PLANTED, N_PUBLISHED = 12, 6


def demo_page(published: Trial, planted: Trial) -> str:
    """Return the page as HTML; the same trials give the same bytes."""
    changed, flagged = planted.is_planted, planted.is_flagged
    missed = planted.digits(np.flatnonzero(changed & ~flagged))
    unchanged = planted.digits(np.flatnonzero(flagged & ~changed))
    hero = planted.clearest_error()
    page = PAGE.substitute(
        style=STYLE,
        hero=_picture(hero),
        hero_given=hero.given,
        hero_truth=hero.truth,
        n_rows=f"{len(planted.labels):,}",
        n_planted=int(changed.sum()),
        share_planted=percent(changed.mean()),
        tiles=_tiles(planted),
        worst=_cards(planted.digits(planted.worklist.row[:N_PLANTED]), _whether_changed),
        missed=_details(f"{len(missed)} changed labels that it missed", missed),
        unchanged=_details(f"{len(unchanged)} flagged although nobody had changed it", unchanged),
        n_flagged=len(published.worklist),
        accuracy=percent(float((published.pred_probs.argmax(axis=1) == published.truth).mean())),
        published=_cards(published.digits(published.least_trusted()[:N_PUBLISHED]), _whether_flagged),
        version=escape(__version__),
    )
    return page.replace(" %", "\N{NO-BREAK SPACE}%")


def _tiles(planted: Trial) -> str:
    facts = [
        (f"{int(planted.is_planted.sum())}", "labels changed"),
        (f"{len(planted.worklist)}", "labels flagged"),
        (f"{planted.n_found}", "changed and flagged"),
        (f"{100 * planted.recall:.0f} %", "of the changed are flagged"),
        (f"{100 * planted.precision:.0f} %", "of the flagged were changed"),
    ]
    return "\n".join(f'<div class="tile"><b>{number}</b><span>{words}</span></div>' for number, words in facts)


def _cards(digits: Sequence[Digit], remark: Callable[[Digit], str]) -> str:
    cards = "\n".join(f"<li>{_card(digit)}{remark(digit)}</li>" for digit in digits)
    return f'<ul class="cards">\n{cards}\n</ul>'


def _card(digit: Digit) -> str:
    sure = f"{100 * digit.suggested_probability:.0f}"
    return (
        f"{_picture(digit)}"
        f'<p class="change"><s>{digit.given}</s><i aria-label="should be">→</i><b>{digit.suggested}</b></p>'
        f'<div class="bar" aria-hidden="true"><span style="width:{sure}%"></span></div>'
        f'<p class="small">{sure} % sure</p><p class="small">row {digit.row:,}</p>'
    )


def _whether_changed(digit: Digit) -> str:
    kind, words = ("loud", "changed by us") if digit.is_planted else ("calm", "not changed")
    return f'<p class="small {kind}">{words}</p>'


def _whether_flagged(digit: Digit) -> str:
    kind, words = ("loud", "flagged") if digit.is_flagged else ("calm", "not flagged")
    return f'<p class="small {kind}">{words}</p>'


def _picture(digit: Digit) -> str:
    smooth = enlarge(np.pad(digit.image, MARGIN), FINENESS)
    source = as_data_uri((smooth - 0.5) * CONTRAST + 0.5)
    return f'<img class="digit" src="{source}" width="96" height="96" alt="a digit labeled {digit.given}">'


def _details(summary: str, digits: Sequence[Digit]) -> str:
    if not digits:
        return ""
    return f"<details><summary>{summary}</summary>\n{_cards(digits, _whether_changed)}\n</details>"


STYLE = """
:root { color-scheme: light dark; --page: #f7f7f5; --card: #fff; --paper: #fbfaf6; --line: #e4e2dc; --text: #1d1d1f;
  --soft: #6b6b70; --wrong: #b3450f; --right: #0a6c74; --bar: #e9e7e1; }
@media (prefers-color-scheme: dark) { :root { --page: #141416; --card: #1e1e21; --paper: #26262a; --line: #333338;
  --text: #ececee; --soft: #a0a0a8; --wrong: #f2a071; --right: #6cc7cf; --bar: #333338; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 48px 24px 64px; }
h1 { font-size: 42px; line-height: 1.1; letter-spacing: -.02em; margin: 0 0 16px; }
h2 { font-size: 24px; letter-spacing: -.01em; margin: 56px 0 8px; }
p { margin: 0 0 12px; }
section > p, .lead { max-width: 68ch; }
code, pre { font: 15px/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 20px; overflow: auto; }
.brand { font: 15px/1 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: var(--soft); margin: 0 0 40px; }
.hero { display: grid; grid-template-columns: auto 1fr; gap: 40px; align-items: center; }
.hero figure { margin: 0; text-align: center; justify-self: start; }
.hero .digit { width: 216px; height: 216px; border-radius: 20px; }
.hero figcaption { margin-top: 12px; color: var(--soft); }
.digit { display: block; background: var(--paper); border-radius: 10px; width: 100%; height: auto; aspect-ratio: 1; }
@media (prefers-color-scheme: dark) { .digit { filter: invert(1) hue-rotate(180deg); background: #dadada; } }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
.tile b { display: block; font-size: 30px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 14px; }
.cards { list-style: none; padding: 0; margin: 20px 0; display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(138px, 1fr)); }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 12px; }
.change { font-size: 24px; font-weight: 600; margin: 10px 0 6px; display: flex; gap: 10px; align-items: baseline; }
.change s { color: var(--wrong); text-decoration-thickness: 2px; }
.change i { color: var(--soft); font-style: normal; font-weight: 400; font-size: 18px; }
.change b { color: var(--right); }
.bar { height: 4px; border-radius: 2px; background: var(--bar); overflow: hidden; }
.bar span { display: block; height: 100%; background: var(--right); }
.small { font-size: 13px; line-height: 1.5; color: var(--soft); margin: 0; font-variant-numeric: tabular-nums; }
.bar + .small { margin-top: 6px; }
.loud { color: var(--wrong); }
.calm { color: var(--right); }
details { margin: 16px 0; }
summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 64px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 14px; }
@media (max-width: 640px) { .hero { grid-template-columns: 1fr; } h1 { font-size: 34px; } }
@media print { body { background: #fff; } .cards li, .tile { break-inside: avoid; } }
"""

PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>What is a label error? fastcl on handwritten digits</title>
<style>$style</style>
</head>
<body>
<main>
<p class="brand">fastcl audit --demo</p>
<header class="hero">
<figure>$hero<figcaption>labeled $hero_given</figcaption></figure>
<div>
<h1>What is a label error?</h1>
<p class="lead">This is a $hero_truth, but its label says $hero_given: that is a label error. A model that trains on
such labels learns them, and a score measured on them is wrong. fastcl finds them: a model predicts every example
without having seen it, and where it is confident of another class than the given one, the label is probably wrong.</p>
</div>
</header>

<section>
<h2>With known answers</h2>
<p>Of $n_rows handwritten digits, $n_planted labels ($share_planted) were changed at random before the audit, which was
not told which. Crossed out: the given label. Beside it: the one suggested, and how sure the model is.</p>
<div class="tiles">
$tiles
</div>
<p>The worst of what it flagged:</p>
$worst
$missed
$unchanged
</section>

<section>
<h2>The labels as published</h2>
<p>The same audit of the untouched labels flags $n_flagged of $n_rows: the model agrees with $accuracy of them, so
little is left to find. These are the labels it trusts least; whether a label is wrong or a hand was hasty is yours to
judge.</p>
$published
</section>

<section>
<h2>Your own data</h2>
<p>Predict the probability of every class for every row by cross-validation, save it next to the labels, and:</p>
<pre>fastcl audit data.csv --label y --pred-probs "p_*"
fastcl audit data.parquet --label y --pred-probs probs.npy --fail-on "label&gt;2%"</pre>
<p>It prints a summary, and writes the ranked worklist with a manifest of what it was made from.</p>
</section>

<footer>Made by fastcl $version, on your machine. Digits: scikit-learn's <code>load_digits</code>, 8 × 8 pixels, drawn
smoothly. Model: nearest neighbours, Gaussian classes and logistic regression, voting, in ten-fold
cross-validation.</footer>
</main>
</body>
</html>
""")
