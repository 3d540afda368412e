"""Random rows of impressions for the tests of metrics of click probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st


@st.composite
def judged_rows(draw):
    """p with many ties, clicks and impressions of rows that hold both classes."""
    n = draw(st.integers(1, 30))
    p = np.array(draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))) / 10
    shown = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), float)
    clicks = np.array([draw(st.integers(0, int(count))) for count in shown], float)
    assume(0 < clicks.sum() < shown.sum())
    return p, clicks, shown


def unit_rows(p, clicks, shown):
    """The same as scikit-learn wants it: each row once as clicked and once as not, weighted."""
    labels = np.repeat([1, 0], len(p))
    return labels, np.tile(p, 2), np.concatenate([clicks, shown - clicks])
