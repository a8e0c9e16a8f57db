"""What tests and intervals say in sentences, the same in the answer and below tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.analysis.beside import source_notes
from pipeline.analysis.inference.differences import Difference
from pipeline.analysis.inference.intervals import FEWEST, LEVEL
from pipeline.analysis.inference.ranks import ALPHA, Ranking
from pipeline.analysis.inference.seeds import paired_seed_test
from pipeline.analysis.inference.wilcoxon import smallest_p
from pipeline.analysis.results import StudyResults
from pipeline.wording import counted, interval_points, listed, p_value, part_of


def ranked_over(ranking: Ranking) -> tuple[str, ...]:
    """What is ranked, over which data sets, and which are left out."""
    number, left_out = len(ranking.datasets), ranking.left_out
    over = part_of(number, number + len(left_out), "data set")
    ranked = (
        f"Average ranks over {over}, 1 for the best, by mean accuracy as it is shown, in percent with two decimals; "
        "equal accuracies share a rank."
    )
    missing = f"Without {listed(left_out)}, where the arms with results do not have the same done seeds."
    return (ranked, missing) if left_out else (ranked,)


def printed(results: StudyResults) -> tuple[str, ...]:
    """Which of the ranked systems are not the study's, and what they may be."""
    said = source_notes(results)
    return (*said, "An ensemble's accuracy among them is no single network's.") if said else ()


def tested_by(ranking: Ranking) -> tuple[str, ...]:
    """By which tests pairs are separated, and whether they could be."""
    corrected = ", with Holm's correction for all pairs" if ranking.pairs > 1 else ""
    test = f"two-sided Wilcoxon signed-rank test (exact){corrected}"
    if ranking.differ:
        sentence = f"Pairs are separated where p is below {ALPHA} in a {test}."
    else:
        sentence = f"So no pair is separated, whatever its p in a {test}."
    reach = (
        f"With {counted(len(ranking.datasets), 'data set')} and {counted(ranking.pairs, 'pair')} no p can be below "
        f"{p_value(ranking.smallest_adjusted)} after the correction: nothing could be separated, however different."
    )
    found = f"{friedman_words(ranking)} {sentence}".lstrip()
    return (found,) if ranking.smallest_adjusted < ALPHA else (found, reach)


def friedman_words(ranking: Ranking) -> str:
    """Whether arms differ at all; nothing for two of them."""
    test = ranking.friedman
    if test is None:
        return ""
    found = "finds that arms differ" if ranking.differ else "finds no difference between arms"
    p = p_value(test.p)
    df = f"{test.df} degrees of freedom"
    return (
        f"The Friedman test {found} (chi-square {test.statistic:.2f}, {df}, p {p if p.startswith('<') else f'= {p}'})."
    )


def how_sure(difference: Difference) -> Iterator[str]:
    """``95% interval −0.83 to −0.16`` of a mean over data sets; of a single data set its paired seeds', and their exact
    p. Nothing where neither says anything."""
    if len(difference.means) >= FEWEST:
        yield f"{LEVEL:.0%} interval {interval_points(difference.interval())}"
    elif len(difference.means) == 1:
        (seeds,) = difference.by_dataset.values()
        test = paired_seed_test(seeds)
        if test.seeds > 1:
            yield f"{LEVEL:.0%} interval {interval_points(test.interval)}, p = {p_value(test.exact_p)}"


def what_intervals_are(differences: Iterable[Difference]) -> Iterator[str]:
    """What the intervals of ``how_sure`` are, or why there are none: a sentence for each case that there is."""
    paired = [found for found in differences if found.means]
    if any(len(found.means) >= FEWEST for found in paired):
        yield "Intervals are bootstrapped over data sets; a difference whose interval holds zero may be chance."
    if any(1 < len(found.means) < FEWEST for found in paired):
        yield f"How sure a mean over fewer than {FEWEST} data sets is cannot be said."
    seeds = max((len(*found.by_dataset.values()) for found in paired if len(found.means) == 1), default=0)
    if seeds == 1:
        yield "One data set under one seed does not say how sure a difference is."
    elif seeds:
        yield (
            "Interval and p are of the paired seeds of one data set and say nothing of others; "
            f"{counted(seeds, 'seed')} cannot bring p below {p_value(smallest_p(seeds))}."
        )
