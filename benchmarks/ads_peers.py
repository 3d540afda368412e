"""One library as a process: `python -m benchmarks.ads_peers sklearn|river TEXT ROWS` trains on Vowpal Wabbit's text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.ads_log import INTERACTIONS

AT_ONCE = 1 << 14
CROSSES = INTERACTIONS[1::2]


def rows_of(path: Path, n: int) -> Iterator[tuple[list[str], bool]]:
    """Features and label of the first n lines."""
    with path.open() as file:
        for line in islice(file, n):
            label, *parts = line.split("|")
            words = {part[0]: part[1:].split() for part in parts}
            features = [f"{namespace}={word}" for namespace, of_column in words.items() for word in of_column]
            features += [f"{a}*{b}={words[a][0]}*{words[b][0]}" for a, b in CROSSES]
            yield features, label == "1 "


def learn_with_sklearn(rows: Iterable[tuple[list[str], bool]], bits: int) -> None:
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    hasher = FeatureHasher(n_features=1 << bits, input_type="string", alternate_sign=False)
    model = SGDClassifier(loss="log_loss", penalty=None)
    rows = iter(rows)
    while part := list(islice(rows, AT_ONCE)):
        features, labels = zip(*part, strict=True)
        model.partial_fit(hasher.transform(features), labels, classes=[False, True])


def learn_with_river(rows: Iterable[tuple[list[str], bool]], _bits: int) -> None:
    from river.linear_model import LogisticRegression
    from river.optim import FTRLProximal

    model = LogisticRegression(FTRLProximal(alpha=0.05, beta=1.0, l1=0.0, l2=0.0))
    for features, label in rows:
        x = dict.fromkeys(features, 1.0)
        model.predict_proba_one(x)  # before training on the row, like the others' progressive validation
        model.learn_one(x, label)


LEARN = {"sklearn": learn_with_sklearn, "river": learn_with_river}

if __name__ == "__main__":
    LEARN[sys.argv[1]](rows_of(Path(sys.argv[2]), int(sys.argv[3])), 22)
