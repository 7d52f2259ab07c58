"""Train R-LPIPS version 2 (`mnd.losses.RLPIPS2`) on judged triplets (2AFC), while they are attacked.

    python scripts/train_pyramid.py OUT DATA [DATA...]
    python scripts/train_pyramid.py OUT DATA [DATA...] --resume       go on where Ctrl-C stopped it

Of every set the triplets of `train` are taken that are judged at least a little (`certain`) and whose nearer
picture differs visibly (`change`). With n the picture that the raters find nearer and f the other one,

    L = clean S(2, d_n, d_f) + one (S(1, D_n, d_f) + S(1, d_n, D_f)) / 2 + both S(1, D_n, D_f)
        + masks mean (log w)^2 + small P            S(k, u, v) = mean sigmoid(k (log u - log v))

D_n is the largest distance in the ball around n, D_f the smallest around f. In the first epochs they are the
bounds of the metric itself, which cost nothing and lie beyond what an attack can reach; then those that an
attack finds. A share of triplets is what is wanted, so the loss is one that gives up what is hopeless.

P keeps small changes the mean square error's: log of what the masked terms have above `noise` times that of
white noise of two levels, and of what they can have above `top` times in a ball of two levels.

    OUT/weights.safetensors     `RLPIPS2(weights=...)` reads it
    OUT/card.json               settings, data, versions, and the figures on `val` of the file that was saved
    OUT/log.jsonl               one line an epoch
    OUT/checkpoint.pt           after every epoch, and when interrupted
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from rlpips.pyramid_attack import FLOOR, apart, reached, small_changes
from rlpips.stopping import Stop, to_its_end
from rlpips.twoafc import TwoAFC, fingerprint, score
from torch import Tensor, nn

from mnd.base.files import sha256_of, write_atomic
from mnd.base.runtime import versions
from mnd.losses.pyramid import CHANNELS, LEVELS, POWERS, RLPIPS2, UNIT, UNTRAINED


def _option(default: Any, words: str) -> Any:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is trained."""

    bounds: int = _option(3, "epochs with the bounds in the place of an attack")
    attacks: int = _option(5, "epochs with an attack, after those")
    steps: int = _option(3, "gradients an attack may take")
    eps: float = _option(4 / 255, "radius of the ball (Linf), for pixels in [0, 1]")
    batch: int = _option(48, "triplets at a time")
    side: int = _option(48, "of the pieces of them that are compared")
    lr: float = _option(0.05, "learning rate of Adam, of the terms; of the masks a third")
    clean: float = _option(12.0, "weight of the triplets as they are")
    one: float = _option(4.0, "of those with one picture attacked")
    both: float = _option(1.0, "of those with both attacked")
    masks: float = _option(0.02, "of the masks' squared logarithms")
    small: float = _option(0.5, "of what small changes cost above the mean square error")
    noise: float = _option(0.35, "of white noise, allowed to the masked terms")
    top: float = _option(1.8, "of the worst small change, allowed to the masked terms")
    certain: float = _option(0.15, "triplets judged at least so far from a half")
    change: float = _option(3.0, "and both changed by at least so many levels (root mean square)")
    seed: int = _option(0, "of the start, the order and the attacks")

    def __post_init__(self) -> None:
        if (
            min(self.bounds, self.attacks, self.seed) < 0
            or self.epochs < 1
            or min(self.steps, self.batch) < 1
        ):
            raise ValueError(
                f"bounds, attacks, steps, batch and seed are {self.bounds}, {self.attacks}, {self.steps},"
                f" {self.batch} and {self.seed}, expected >= 0, an epoch, a step and a triplet at least"
            )
        if not (self.lr > 0 and self.eps > 0 and 0 <= self.certain <= 0.5):
            raise ValueError(
                f"lr, eps and certain are {self.lr}, {self.eps}, {self.certain}, expected > 0, > 0, 0 to .5"
            )

    @property
    def epochs(self) -> int:
        """All of them."""
        return self.bounds + self.attacks


class Learner(nn.Module):
    """The metric, whose coefficients are shares of a whole: no ranking depends on their sum."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.metric = RLPIPS2(UNTRAINED)
        self.metric.masks.requires_grad_(True)
        for net in self.metric.masks:
            nn.init.zeros_(net[2].weight)
            nn.init.zeros_(net[2].bias)
        shares = torch.zeros(LEVELS, CHANNELS, len(POWERS))
        shares[1:] -= 2
        # small changes are the base's; the largest power is for a few
        shares[..., 0] -= 4
        shares[..., -1] -= 2
        self.shares, self.base = nn.Parameter(shares), nn.Parameter(torch.tensor(-1.0))

    def settle(self) -> RLPIPS2:
        """The metric with its coefficients of now; they bring their gradients."""
        whole = torch.softmax(torch.cat([self.shares.flatten(), self.base[None]]), 0)
        self.metric.base, self.metric.powers = whole[-1], whole[:-1].view_as(self.shares)
        return self.metric

    def rates(self, lr: float) -> list[dict[str, Any]]:
        """The groups of Adam."""
        masks = list(self.metric.masks.parameters())
        return [{"params": [self.shares, self.base], "lr": lr}, {"params": masks, "lr": lr / 3}]

    def weights(self) -> dict[str, Tensor]:
        """What `RLPIPS2` reads, in half precision but for the coefficients."""
        self.settle()
        whole = ("base", "powers")
        return {
            name: t.detach().float().clone() if name in whole else t.detach().half()
            for name, t in self.metric.state_dict().items()
        }


class Training:
    """One training, and where it stands."""

    def __init__(self, settings: Settings, sets: Sequence[Path], out: Path) -> None:
        self.settings, self.out = settings, out
        opened = [TwoAFC.open(folder, "train") for folder in sets]
        self.val = TwoAFC.open(sets[0], "val")
        self.data = [
            fingerprint(folder, one, *([self.val] if folder == sets[0] else []))
            for folder, one in zip(sets, opened, strict=True)
        ]
        chosen = [one.clear(settings.change, settings.certain) for one in opened]
        parts = [one.batch(range(len(one))) for one in chosen if len(one)]
        self.pictures = {
            name: torch.cat([(255 * part.pictures[name]).round().to(torch.uint8) for part in parts])
            for name in ("ref", "p0", "p1")
        }
        self.judge = torch.cat([part.judge for part in parts])
        self.learner = Learner(settings.seed)
        self.optimizer = torch.optim.Adam(self.learner.rates(settings.lr))
        self.epoch, self.seconds = 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.stop = Stop()

    def run(self) -> dict[str, Any]:
        """Train to the end, save the weights and answer their card.

        Raises:
            Interrupted: Ctrl-C; the last whole epoch is in the checkpoint.
            FloatingPointError: the loss is no number any more.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        with self.stop:
            while self.epoch < self.settings.epochs:
                self._epoch()
        return self._finish()

    def _epoch(self) -> None:
        s, start = self.settings, time.process_time()
        draws = torch.Generator().manual_seed(1_000_003 * s.seed + self.epoch)
        order = torch.randperm(len(self.judge), generator=draws)
        sums: dict[str, float] = {}
        for first in range(0, len(order), s.batch):
            self.stop.check()
            done = (self.epoch + first / len(order)) / s.epochs
            rate = s.lr * min(1.0, 1.5 * (1 - done) + 0.02)
            for group, share in zip(self.optimizer.param_groups, (1, 1 / 3), strict=True):
                group["lr"] = rate * share
            rows = order[first : first + s.batch]
            for name, value in self._update(rows, draws).items():
                sums[name] = sums.get(name, 0.0) + value * len(rows)
        self.epoch += 1
        row = {name: round(value / len(order), 4) for name, value in sums.items()}
        self.seconds += time.process_time() - start
        self.rows.append({"epoch": self.epoch, **row, "cpu seconds": round(time.process_time() - start, 1)})
        self.save()
        print(json.dumps(self.rows[-1]), flush=True)

    def _update(self, rows: Tensor, draws: torch.Generator) -> dict[str, float]:
        """Attack some triplets, and follow their loss down."""
        s, metric = self.settings, self.learner.settle()
        x, near, far, certain = self._triplets(rows, draws)
        with torch.no_grad():
            clean, guides = metric.features(x), metric.guides(x)
            t_near, t_far = apart(metric, clean, near), apart(metric, clean, far)
        w = metric.weights(guides)
        if self.epoch < s.bounds:
            t_worst = [t + s.eps / UNIT for t in t_near]
            t_best = [(t - s.eps / UNIT).clamp_min(0) for t in t_far]
        else:
            found = reached(metric, clean, w, near, far, s.eps, s.steps, draws)
            with torch.no_grad():
                t_worst, t_best = (apart(metric, clean, y) for y in found)
        n, f, worst, best = (torch.log(metric.total(t, w) + FLOOR) for t in (t_near, t_far, t_worst, t_best))
        share = (certain / 0.3).clamp(max=1) ** 2
        share = share / share.sum()
        wrong = {
            "clean": share @ torch.sigmoid(2 * (n - f)),
            "one": share @ (torch.sigmoid(worst - f) + torch.sigmoid(n - best)) / 2,
            "both": share @ torch.sigmoid(worst - best),
            "masks": sum(v.log().square().mean() for v in w),
            "small": self._small(metric, x, w, draws),
        }
        loss = sum(getattr(s, name) * value for name, value in wrong.items())
        if not loss.isfinite():
            raise FloatingPointError(f"the loss is {loss:g} in epoch {self.epoch + 1}")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        told = {name: float(value.detach()) for name, value in wrong.items()}
        return {"loss": float(loss.detach()), **told, "kept": float((worst < best).float().mean())}

    def _triplets(self, rows: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pieces of some triplets: the reference, the nearer picture, the farther one; and how certain."""
        side = self.settings.side
        top, left = (
            int(torch.randint(max(1, n - side + 1), (1,), generator=draws))
            for n in self.pictures["ref"].shape[2:]
        )
        ref, p0, p1 = (
            self.pictures[name][rows][..., top : top + side, left : left + side].float() / 255
            for name in ("ref", "p0", "p1")
        )
        judge = self.judge[rows]
        first = (judge < 0.5)[:, None, None, None]
        return ref, torch.where(first, p0, p1), torch.where(first, p1, p0), (judge - 0.5).abs()

    def _small(self, metric: RLPIPS2, x: Tensor, w: Sequence[Tensor], draws: torch.Generator) -> Tensor:
        s = self.settings
        noise, top = small_changes(metric, x, w, draws)
        return sum(
            ((v + FLOOR) / most).log().clamp_min(0).mean() for v, most in ((noise, s.noise), (top, s.top))
        )

    # where it stands --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint and the log, each wholly or not at all."""
        stream = io.BytesIO()
        torch.save(
            {
                "told": json.dumps([asdict(self.settings), self.data, self.rows]),
                "epoch": self.epoch,
                "seconds": self.seconds,
                "learner": {n: p.detach() for n, p in self.learner.named_parameters()},
                "optimizer": self.optimizer.state_dict(),
            },
            stream,
        )
        write_atomic(self.out / "checkpoint.pt", stream.getvalue(), overwrite=True)
        self._write("log.jsonl", "".join(json.dumps(row) + "\n" for row in self.rows))

    def load(self) -> None:
        """Stand where the checkpoint stands.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is another training's.
        """
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            raise FileNotFoundError(f"there is no {path}: nothing to resume")
        state = torch.load(path, map_location="cpu", weights_only=True)
        settings, data, self.rows = json.loads(state["told"])
        if (settings, data) != (asdict(self.settings), self.data):
            raise ValueError(
                f"{path} is of another training: got {settings}, expected {asdict(self.settings)}, same data"
            )
        self.learner.load_state_dict(state["learner"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.seconds = state["epoch"], state["seconds"]

    def _finish(self) -> dict[str, Any]:
        """Save the weights, and score what was saved."""
        from safetensors.torch import save

        path = self.out / "weights.safetensors"
        write_atomic(path, save(self.learner.weights()), overwrite=True)
        card = {
            "metric": "R-LPIPS, version 2",
            "settings": asdict(self.settings),
            "data": self.data,
            "triplets": len(self.judge),
            "weights": {"sha256": sha256_of(path), "bytes": path.stat().st_size},
            "figures": {
                "train": self.rows[-1],
                "val, clear": certified(RLPIPS2(path), self.val, self.settings.eps),
            },
            "cpu seconds": round(self.seconds, 1),
            "versions": versions("mnd", "torch"),
        }
        self._write("card.json", json.dumps(card, indent=1) + "\n")
        return card

    def _write(self, name: str, text: str) -> None:
        write_atomic(self.out / name, text.encode(), overwrite=True)


def certified(metric: RLPIPS2, pairs: TwoAFC, eps: float) -> dict[str, float]:
    """The soft 2AFC score on the clear triplets: clean, and the least that any attack can leave of it."""
    some = pairs.clear(4, 0.3)
    batch = some.batch(range(len(some)))
    ref, judge = batch.ref, batch.judge
    with torch.no_grad():
        d0, d1 = metric(ref, batch.p0), metric(ref, batch.p1)
    (low0, high0), (low1, high1) = (metric.bounds(ref, p, eps) for p in (batch.p0, batch.p1))
    first = judge < 0.5
    clean = score(d0, d1, judge)
    sure = torch.where(first, high0 < low1, high1 < low0)
    least = torch.where(sure, clean, 1 - torch.maximum(judge, 1 - judge))
    told = {"triplets": len(some), "clean": float(clean.mean()), "certified, both": float(least.mean())}
    return {name: round(value, 4) for name, value in told.items()}


# command line ---------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is asked for; 0 done, 1 not done, 2 asked wrongly, 130 interrupted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the folder for the weights")
    parser.add_argument("sets", type=Path, nargs="+", help="folders of triplets; val is the first one's")
    for item in fields(Settings):
        words = f"{item.metadata['help']} (%(default)s)"
        parser.add_argument(f"--{item.name}", type=type(item.default), default=item.default, help=words)
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    args = parser.parse_args(argv)
    try:
        settings = Settings(**{item.name: getattr(args, item.name) for item in fields(Settings)})
    except ValueError as error:
        parser.error(str(error))
    if not args.resume and (args.out / "checkpoint.pt").exists():
        parser.error(f"{args.out} has a training already: --resume it, or give another folder")
    torch.set_num_threads(1)  # sums in the same order, however many cores there are

    def train() -> dict[str, Any]:
        training = Training(settings, args.sets, args.out)
        if args.resume:
            training.load()
        return training.run()

    return to_its_end(train, parser.prog, args.out)


if __name__ == "__main__":
    sys.exit(main())
