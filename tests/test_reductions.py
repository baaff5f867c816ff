"""The laws of every state over blocks: see `fastcl.core.reductions`."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import make_problem

from fastcl.core.pair_margins import LargestMargins, make_pairs
from fastcl.core.reductions import REDUCTIONS
from fastcl.core.reductions.confident_joint import ConfidentCounts, SparseConfidentCounts, counts_for
from fastcl.core.reductions.issue_count import IssueCount
from fastcl.core.reductions.thresholds import SelfConfidenceSums
from fastcl.core.reductions.validity import Validity
from fastcl.core.selection import TopPerGroup, lowest_per_class, offer
from fastcl.core.sparse_joint import SparseJoint
from fastcl.core.sweep import Block, RowSummary, sweep

PROBLEM = make_problem(103, 5, seed=81, strength=1.5, never_given=[2])
BAD_ROWS = [40, 41, 97]
THRESHOLDS = naive.thresholds(*PROBLEM.both())


def swept_block(start, stop, dtype=np.float64):
    """Return some rows of the problem as a swept block; three rows of the problem hold no probabilities."""
    pred_probs = PROBLEM.pred_probs.astype(dtype)
    pred_probs[BAD_ROWS, [1, 4, 0]] = [np.nan, 1.5, -0.5]
    labels = PROBLEM.labels.astype(np.int32)
    block = Block(start, labels[start:stop], pred_probs[start:stop], RowSummary.empty(stop - start, dtype))
    sweep(block, THRESHOLDS)
    return block


def state_of(reduction, *bounds):
    """Return the state that has seen the blocks between `bounds`."""
    state = reduction.init(PROBLEM.n_classes)
    for start, stop in pairwise(bounds):
        state.update(swept_block(start, stop))
    return state


def content(value):
    """Return all that a state or an answer holds as plain Python values."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, SparseJoint):
        return content(value.rows), content(value.cols), content(value.counts), value.n_classes
    if hasattr(value, "__dict__"):
        return {name: content(held) for name, held in vars(value).items()}
    return value


def merged(*states):
    """Return the merge of states, none of which is changed."""
    total = copy.deepcopy(states[0])
    for state in states[1:]:
        total.merge(state)
    return total


every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda reduction: reduction.__name__)


@every_reduction
def test_merging_with_a_fresh_state_changes_nothing(reduction):
    state, fresh = state_of(reduction, 0, 103), reduction.init(PROBLEM.n_classes)
    assert content(merged(state, fresh)) == content(state)
    assert content(merged(fresh, state)) == content(state)


@every_reduction
def test_merging_is_commutative(reduction):
    first, second = state_of(reduction, 0, 41), state_of(reduction, 41, 103)
    assert content(merged(first, second)) == content(merged(second, first))


@every_reduction
def test_merging_is_associative(reduction):
    a, b, c = (state_of(reduction, *bounds) for bounds in [(0, 17), (17, 60), (60, 103)])
    assert content(merged(merged(a, b), c)) == content(merged(a, merged(b, c)))


@every_reduction
def test_merging_leaves_the_other_state_alone(reduction):
    state, other = state_of(reduction, 0, 41), state_of(reduction, 41, 103)
    before = content(other)
    state.merge(other)
    assert content(other) == before
    state.update(swept_block(0, 41))  # and shares no memory with it
    assert content(other) == before


@every_reduction
def test_an_empty_block_changes_nothing(reduction):
    state = state_of(reduction, 0, 103)
    before = content(state)
    state.update(swept_block(50, 50))
    assert content(state) == before


@every_reduction
def test_two_states_have_nothing_in_common(reduction):
    fresh = reduction.init(PROBLEM.n_classes)
    before = content(fresh)
    state_of(reduction, 0, 103)
    assert content(fresh) == before
    assert content(reduction.init(PROBLEM.n_classes)) == before


@every_reduction
@given(data=st.data())
def test_any_split_merged_in_any_order_equals_the_whole(reduction, data):
    cuts = data.draw(st.lists(st.integers(0, 103), max_size=6).map(sorted))
    states = [state_of(reduction, start, stop) for start, stop in pairwise([0, *cuts, 103])]
    in_any_order = data.draw(st.permutations(states))
    assert content(merged(*in_any_order)) == content(state_of(reduction, 0, 103))


@every_reduction
def test_states_pickle(reduction):
    state = state_of(reduction, 0, 41)
    thawed = pickle.loads(pickle.dumps(state))
    assert content(thawed) == content(state)
    thawed.merge(state_of(reduction, 41, 103))
    assert content(thawed.finalize()) == content(state_of(reduction, 0, 103).finalize())


@every_reduction
def test_finalizing_leaves_the_state_alone(reduction):
    state = state_of(reduction, 0, 41, 103)
    before = content(state)
    answer = content(state.finalize())
    assert content(state) == before
    assert content(state.finalize()) == answer


# -- what each of them is


def good_rows(reduction):
    """Return the state of the rows before the first bad one."""
    return state_of(reduction, 0, BAD_ROWS[0]).finalize()


SEEN = PROBLEM.labels[: BAD_ROWS[0]], PROBLEM.pred_probs[: BAD_ROWS[0]]


def test_thresholds_are_the_naive_ones():
    np.testing.assert_allclose(good_rows(SelfConfidenceSums), naive.thresholds(*SEEN), rtol=1e-14, atol=0)


def test_confident_counts_are_the_naive_ones():
    np.testing.assert_array_equal(good_rows(ConfidentCounts), naive.raw_joint(*SEEN, THRESHOLDS))


def test_issue_count_is_the_naive_one():
    assert good_rows(IssueCount) == naive.num_label_issues(*SEEN, cuts=THRESHOLDS)


def test_sparse_counts_are_the_dense_ones():
    dense, sparse = (state_of(counts, 0, 33, 103).finalize() for counts in (ConfidentCounts, SparseConfidentCounts))
    np.testing.assert_array_equal(sparse.to_dense(), dense)
    assert counts_for(4_096) is ConfidentCounts
    assert counts_for(4_097) is SparseConfidentCounts


def test_validity_counts_bad_rows_and_finds_the_first():
    assert state_of(Validity, 0, 40).finalize() == (0, -1)
    assert state_of(Validity, 0, 41).finalize() == (1, 40)
    assert state_of(Validity, 41, 103).finalize() == (2, 41)
    assert merged(state_of(Validity, 90, 103), state_of(Validity, 0, 90)).finalize() == (3, 40)


def test_fixed_point_sums_lose_nothing():
    """A million times one tenth: a running sum in float64 is off in the twelfth digit."""
    pred_probs = np.full((1_000_003, 1), 0.1)
    block = Block(0, np.zeros(1_000_003, np.int32), pred_probs, RowSummary.empty(1_000_003, np.float64))
    sweep(block, np.full(1, 0.5))
    state = SelfConfidenceSums.init(1)
    state.update(block)
    assert state.finalize()[0] == pytest.approx(0.1, rel=2e-16, abs=0)
    assert np.cumsum(pred_probs)[-1] / 1_000_003 != pytest.approx(0.1, rel=1e-14, abs=0)


# -- the largest values of every group

CAPACITIES = np.array([3, 0, 1, 20])


def top_of(entries):
    state = TopPerGroup.init(CAPACITIES, np.float64)
    for group, value, row in entries:
        low = state.offsets[group]
        state.sizes[group] = offer(
            state.values, state.rows, low, CAPACITIES[group], state.sizes[group], float(value), row
        )
    return state


def kept(state):
    """Return the kept (value, row) of every group, largest first: their order in memory is nobody's business."""
    groups = []
    for low, size in zip(state.offsets[:-1], state.sizes, strict=True):
        held = zip(state.values[low : low + size].tolist(), state.rows[low : low + size].tolist(), strict=True)
        groups.append(sorted(held, key=lambda entry: (-entry[0], entry[1])))
    return groups


def naive_top(entries):
    groups = [[] for _ in CAPACITIES]
    for group, value, row in entries:
        groups[group].append((float(value), row))
    return [
        sorted(held, key=lambda entry: (-entry[0], entry[1]))[:capacity]
        for held, capacity in zip(groups, CAPACITIES, strict=True)
    ]


def entries_with_ties():
    """Entries of different rows; few different values, so that most cuts run through a tie."""
    entry = st.tuples(st.integers(0, 3), st.integers(-2, 2))
    return st.lists(entry, max_size=60).flatmap(
        lambda entries: st.permutations([(*entry, row) for row, entry in enumerate(entries)])
    )


@given(entries=entries_with_ties())
def test_top_per_group_matches_naive_in_any_order_of_rows(entries):
    state = top_of(entries)
    assert kept(state) == naive_top(entries)
    assert sorted(state.finalize().tolist()) == sorted(row for group in naive_top(entries) for _, row in group)


@given(entries=entries_with_ties(), data=st.data())
def test_top_per_group_merges_like_one_state(entries, data):
    low, high = sorted(data.draw(st.tuples(st.integers(0, len(entries)), st.integers(0, len(entries)))))
    a, b, c = top_of(entries[:low]), top_of(entries[low:high]), top_of(entries[high:])
    whole = naive_top(entries)
    assert kept(merged(a, b, c)) == kept(merged(c, a, b)) == kept(merged(a, merged(b, c))) == whole
    assert kept(merged(top_of([]), a)) == kept(merged(a, top_of([]))) == kept(a)
    assert kept(pickle.loads(pickle.dumps(a))) == kept(a)


def test_cuts_are_the_smallest_kept_values_of_full_groups():
    state = top_of([(0, 5, 0), (0, 1, 1), (0, 3, 2), (0, 2, 3), (2, 7, 4), (3, 1, 5)])
    np.testing.assert_array_equal(state.cuts(np.full(4, -np.inf)), [2.0, -np.inf, 7.0, -np.inf])


def test_lowest_per_class_does_not_depend_on_the_order_of_rows_but_in_ties():
    scores, order = PROBLEM.pred_probs[:, 0], np.random.default_rng(0).permutation(103)
    labels, counts = PROBLEM.labels.astype(np.int32), np.array([5, 3, 0, 40, 1])
    (rows,) = lowest_per_class(scores, labels, counts)
    (shuffled,) = lowest_per_class(scores[order], labels[order], counts)
    assert sorted(order[shuffled].tolist()) == sorted(rows.tolist())


# -- the largest margins of every pair of classes


def margin_problem(seed, eighths):
    """Return a problem, swept, and how many rows each pair of its classes wants."""
    problem = make_problem(203, 5, seed=seed, strength=0.7, never_given=[2], eighths=eighths)
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, 30, (5, 5)) * (rng.random((5, 5)) < 0.7)
    wanted = np.minimum(wanted, problem.counts[:, None])
    np.fill_diagonal(wanted, 0)
    block = Block(0, problem.labels.astype(np.int32), problem.pred_probs, RowSummary.empty(203, np.float64))
    sweep(block, naive.thresholds(*problem.both()))
    return problem, block, wanted


def chosen_by(block, wanted, *, most=10**6, bounds=(0, 203), backwards=False, n_parts=1):
    """Return the rows with the largest margins, searched for in blocks between `bounds`."""
    given, others = np.nonzero(wanted)
    chosen = np.zeros(203, bool)
    led = np.bincount(block.labels[block.summary.predicted != block.labels], minlength=5)
    for pairs in make_pairs(given, others, wanted[given, others], led, most):
        first = LargestMargins.collect(pairs, block.labels, block.summary)
        for part in first.parts(n_parts):
            first.offer(part)
        margins = first.finalize()
        worth = margins.worth_a_look(block.labels, block.summary)
        for start, stop in list(pairwise(bounds))[:: -1 if backwards else 1]:
            rows = np.flatnonzero(worth[start:stop]) + start
            part = Block(start, block.labels[start:stop], block.pred_probs[start:stop], RowSummary.empty(0, np.float64))
            for hits in margins.search(part, block.summary.predicted, rows):
                margins.take(hits)
        chosen[margins.finalize()] = True
    return chosen


@pytest.mark.parametrize("eighths", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_pair_margins_match_naive(seed, eighths):
    problem, block, wanted = margin_problem(seed, eighths)
    expected = naive.prune_by_noise_rate(*problem.both(), wanted, 0)
    np.testing.assert_array_equal(chosen_by(block, wanted), expected)


@pytest.mark.parametrize("eighths", [True, False])
@given(data=st.data())
def test_pair_margins_do_not_depend_on_how_they_are_found(eighths, data):
    _, block, wanted = margin_problem(data.draw(st.integers(0, 7)), eighths)
    cuts = data.draw(st.lists(st.integers(0, 203), max_size=6).map(sorted))
    found = chosen_by(
        block,
        wanted,
        most=data.draw(st.integers(1, 300)),
        bounds=[0, *cuts, 203],
        backwards=data.draw(st.booleans()),
        n_parts=data.draw(st.integers(1, 9)),
    )
    np.testing.assert_array_equal(found, chosen_by(block, wanted))


def test_no_pair_wants_no_row():
    _, block, wanted = margin_problem(0, False)
    assert not chosen_by(block, wanted * 0).any()


@pytest.mark.parametrize("most", [1, 7, 50, 10**6])
def test_pairs_come_in_groups_of_about_as_many_wanted_rows(most):
    _, _, wanted = margin_problem(1, False)
    given, others = np.nonzero(wanted)
    groups = list(make_pairs(given, others, wanted[given, others], np.zeros(5, int), most))
    together = [
        (y, k, m) for pairs in groups for y, k, m in zip(pairs.owners(), pairs.others, pairs.wanted, strict=True)
    ]
    assert together == list(zip(given, others, wanted[given, others], strict=True))
    assert max(pairs.wanted.sum() for pairs in groups) < most + wanted.max()
