"""`scripts/judges_agree.py`: who agrees with whom, counted by hand."""

import csv
import json

import numpy as np
from judges_agree import main

from tests.helpers.triplets import write_set


def test_shares_are_counted_by_hand(tmp_path, capsys):
    folder = write_set(tmp_path / "set", 0, 4, 16)
    rows = []
    for subset in ("cnn", "traditional"):
        for i in range(2):
            share = np.load(folder / "val" / subset / "judge" / f"{i:06}.npy").item()
            # one judge is the set's own, the other never finds p1 nearer
            rows.append({"split": "val", "subset": subset, "number": f"{i:06}", "judge": f"{share:.4f}",
                         "own p0": share, "own p1": 1 - share, "zero p0": 0, "zero p1": 1})  # fmt: skip
    with open(folder / "triplets.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert main([str(folder), "--metrics", "mse"]) == 0
    told = json.loads(capsys.readouterr().out)
    never = 100 * sum(float(row["judge"]) < 0.5 for row in rows) / 4
    assert told["triplets"] == 4
    assert told["mse"] == {"panel": 100, "own": 100, "zero": never}  # noise: the panel is right by its size
    assert told["zero"] == {"panel": never, "own": never, "zero": 100}
