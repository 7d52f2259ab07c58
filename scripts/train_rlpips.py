"""Train the weights of R-LPIPS, or of LPIPS, on judged triplets (2AFC) in BAPPS's layout.

    python scripts/train_rlpips.py DATA OUT --trunk efficientnet-lite0 --mode lin --attack x0 --steps 10
    python scripts/train_rlpips.py DATA OUT --attack none          plain LPIPS, trained in the same way
    python scripts/train_rlpips.py DATA OUT ... --resume           go on where Ctrl-C stopped it

The recipe of Ghazanfari, Garg, Krishnamurthy, Khorrami and Araujo 2023 (arXiv 2307.15157): every triplet is
attacked as it comes, so that its loss is largest; the weights then follow that loss down.

    d_k = sum_l mean_hw sum_c w_lc (f_lc(ref) - f_lc(p_k))^2        L = BCE(G(d0, d1), judge),  w >= 0

What differs from the authors' code, on purpose: the attack maximises the very loss that is trained, through
the ranking network G that is trained and not a fresh random one; its steps fit its ball (APGD) and it stays
in the valid pixels; no dropout while attacking; 2AFC is scored on the shares of people, not on the majority;
the linear weights start >= 0. Radii are in units of [0, 1]: the paper's 8/255 (Linf) and 3.0 (L2) are those
of pictures in [-1, 1], and 4/255 and 1.5 here.

    OUT/weights.safetensors     in the names of LPIPS: `RLPIPS(TRUNK, weights=...)` reads it
    OUT/card.json               settings, data, versions, and the figures of the very file that was saved
    OUT/log.jsonl               one line an epoch
    OUT/checkpoint.pt           after every epoch, every few minutes, and when interrupted
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import torch
from rlpips.misleading import ATTACKED, Norm, Pictures, Which, attack, misjudging
from rlpips.ranking import Dropout, Ranker
from rlpips.stopping import Interrupted, Stop, to_its_end
from rlpips.twoafc import Batch, TwoAFC, fingerprint, score
from torch import Tensor

from mnd.base.files import sha256_of, write_atomic
from mnd.base.runtime import versions
from mnd.losses.images import check_choice
from mnd.losses.lpips import LPIPS
from mnd.losses.rlpips import RLPIPS
from mnd.losses.trunks import NAMES, load_trunk

RADII = {"linf": 4 / 255, "l2": 1.5}
"""The paper's, in units of [0, 1]."""
CLEAN = "none"
"""In the place of an attack: train on the triplets as they are."""
FREE = ("scale",)
"""Settings that may change when a training is resumed: they matter at the end only."""


def _option(default: Any, words: str, choices: Sequence[str] = ()) -> Any:
    return field(default=default, metadata={"help": words, "choices": tuple(choices)})


@dataclass(frozen=True, slots=True)
class Settings:
    """What is trained and how; the defaults are the paper's, but for the trunk, which needs no download."""

    trunk: str = _option("efficientnet-lite0", "the network whose features are compared", NAMES)
    mode: str = _option("lin", "lin: the linear weights; tune: the trunk's too", ("lin", "tune"))
    attack: str = _option("x0", "what is attacked of a triplet; none: plain LPIPS", (*ATTACKED, CLEAN))
    norm: str = _option("linf", "of the attack's ball", tuple(RADII))
    eps: float = _option(0.0, "its radius for pixels in [0, 1]; 0: 4/255 for linf, 1.5 for l2")
    steps: int = _option(50, "gradients an attack may take")
    clean: float = _option(0.0, "share of the loss that is that of the triplets as they are")
    dropout: float = _option(0.5, "of the squared differences, while training; never while attacking")
    epochs: int = _option(5, "with the full learning rate")
    decay: int = _option(5, "more epochs, in which the rate falls in a line")
    batch: int = _option(50, "triplets at a time")
    lr: float = _option(1e-4, "learning rate of Adam")
    seed: int = _option(0, "of the weights' start, the order, the attacks and the dropout")
    val: int = _option(1000, "triplets of val that are scored after every epoch, at most")
    attacked: int = _option(100, "of those, attacked too")
    start: str = _option("", "a checkpoint.pt: begin with its weights and ranking network, not at random")
    scale: float = _option(1.0, "the final linear weights are multiplied by this; no ranking depends on it")

    def __post_init__(self) -> None:
        for item in fields(self):
            if choices := item.metadata["choices"]:
                check_choice(item.name, getattr(self, item.name), choices)
        for name in ("steps", "batch", "val", "epochs", "decay", "attacked", "eps", "seed"):
            least = name in ("steps", "batch", "val")
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {int(least)}")
        if self.epochs + self.decay < 1:
            raise ValueError("epochs and decay are both 0, expected at least one epoch")
        if not (0 <= self.clean <= 1 and 0 <= self.dropout < 1 and self.lr > 0 and self.scale > 0):
            raise ValueError(
                f"clean, dropout, lr and scale are {self.clean}, {self.dropout}, {self.lr} and {self.scale},"
                " expected [0, 1], [0, 1), > 0 and > 0"
            )

    @property
    def radius(self) -> float:
        """Of the attack's ball, in units of [0, 1]."""
        return self.eps or RADII[self.norm]

    def rate(self, epoch: int) -> float:
        """The learning rate in an epoch, from 0: constant, then down in a line that would next be 0."""
        total = self.epochs + self.decay
        return self.lr * min(1.0, (total - epoch) / max(1, self.decay))


# training -------------------------------------------------------------------------------------------------


def say(line: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(line, flush=True)


class Training:
    """One training: what is trained, and where it stands.

    Args:
        settings: of the training.
        data: the folder of the set, with `train` and `val`.
        out: the folder for what is made; it is created.
        device: where it is trained.
        minutes: between checkpoints within an epoch.
        say: called with lines of progress.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: the set is not whole.
    """

    def __init__(
        self,
        settings: Settings,
        data: Path,
        out: Path,
        device: torch.device | str = "cpu",
        minutes: float = 10,
        say: Callable[[str], None] = say,
    ) -> None:
        self.settings, self.out, self.device, self.minutes, self.say = settings, out, device, minutes, say
        self.train, self.val = TwoAFC.open(data, "train"), TwoAFC.open(data, "val")
        self.data = fingerprint(data, self.train, self.val)
        self.model = Ranker(settings.trunk, settings.mode == "tune", settings.seed).to(device)
        self.optimizer = torch.optim.Adam(
            [p for p in self.model.parameters() if p.requires_grad], settings.lr, betas=(0.5, 0.999)
        )
        self.epoch, self.batch = 0, 0
        self.sums = {"loss": 0.0, "score": 0.0, "triplets": 0.0, "seconds": 0.0}
        self.rows: list[dict[str, Any]] = []
        self.stop = Stop()

    def begin(self) -> None:
        """Stand at the start, with the weights of `settings.start` where there is one.

        Raises:
            FileNotFoundError: there is no such checkpoint.
            ValueError: it is of another trunk, or of none.
        """
        if not self.settings.start:
            return
        state = torch.load(self.settings.start, map_location="cpu", weights_only=True)
        try:
            self.model.load_state_dict(state["model"], strict=False)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{self.settings.start}: no training of this trunk: {error}") from error

    def run(self) -> dict[str, Any]:
        """Train to the end, save the weights and answer their card.

        Raises:
            Interrupted: Ctrl-C; the checkpoint is saved, `load` it to go on.
            FloatingPointError: the loss is no number any more; the last checkpoint is left as it was.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        with self.stop:
            try:
                while self.epoch < self.settings.epochs + self.settings.decay:
                    self._epoch()
                return self._finish()
            except Interrupted:
                self.save()
                raise

    def _epoch(self) -> None:
        settings = self.settings
        self.optimizer.param_groups[0]["lr"] = settings.rate(self.epoch)
        count = -(-len(self.train) // settings.batch)
        saved = said = started = time.monotonic()
        for batch in self.train.batches(settings.batch, settings.seed, self.epoch, self.batch):
            self.stop.check()
            self._update(batch.to(self.device))
            now = time.monotonic()
            self.sums["seconds"], started = self.sums["seconds"] + now - started, now
            if now - saved > 60 * self.minutes:
                self.save()
                saved = time.monotonic()
            if now - said > 10 or self.batch == count:
                said = now
                self.say(f"epoch {self.epoch + 1}: batch {self.batch} of {count}, {self._means()}")
        row: dict[str, Any] = {"epoch": self.epoch + 1, "lr": settings.rate(self.epoch), **self._means()}
        row["val"] = evaluate(self.model.metric, self.val, settings, self.device, self.stop)
        self.rows.append(row)
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, dict.fromkeys(self.sums, 0.0)
        self.save()
        self.say(json.dumps(row))

    def _means(self) -> dict[str, float]:
        count = self.sums["triplets"]
        means = {"loss": self.sums["loss"] / count, "2AFC": self.sums["score"] / count}
        return {**{name: round(v, 6) for name, v in means.items()}, "seconds": round(self.sums["seconds"], 1)}

    def _update(self, batch: Batch) -> None:
        """Attack one batch, and follow its loss down; nothing has changed if this is interrupted."""
        settings, model = self.settings, self.model
        with torch.no_grad():
            still = {name: model.features(x) for name, x in batch.pictures.items()}
        changed = self._attack(batch, still)
        with torch.set_grad_enabled(model.tuned):
            moved = {name: model.features(x) for name, x in changed.items()}
            if model.tuned:
                still = {
                    name: model.features(x)
                    for name, x in batch.pictures.items()
                    if name not in changed or settings.clean
                }
        drop = Dropout(settings.dropout, self._generator("dropout", self.device))
        losses, d0, d1 = model.loss({**still, **moved}, batch.judge, drop)
        loss = losses.mean()
        if changed and settings.clean:
            loss = torch.lerp(loss, model.loss(still, batch.judge, drop)[0].mean(), settings.clean)
        if not loss.isfinite():
            raise FloatingPointError(
                f"the loss is {loss:g} in epoch {self.epoch + 1}, batch {self.batch + 1}"
            )
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        with torch.no_grad():
            for w in model.metric.linear:
                w.clamp_(min=0)
        self.batch += 1
        right = score(d0.detach(), d1.detach(), batch.judge).mean()
        for name, value in (("loss", loss.detach()), ("score", right), ("triplets", 1)):
            self.sums[name] += float(value) * len(batch)

    def _attack(self, batch: Batch, still: dict[str, list[Tensor]]) -> dict[str, Tensor]:
        """The pictures of a batch that the attack changed, none without an attack."""
        settings, model = self.settings, self.model
        if settings.attack == CLEAN:
            return {}

        def loss(changed: Pictures) -> Tensor:
            self.stop.check()
            moved = {name: model.features(x) for name, x in changed.items()}
            return model.loss({**still, **moved}, batch.judge)[0]

        return attack(
            loss,
            batch.pictures,
            cast(Which, settings.attack),
            cast(Norm, settings.norm),
            settings.radius,
            settings.steps,
            generator=self._generator("attack"),
        )

    def _generator(self, what: str, device: torch.device | str = "cpu") -> torch.Generator:
        """Of this batch alone, so that a resumed training draws what it would have drawn."""
        return generator(device, self.settings.seed, what, self.epoch, self.batch)

    # where it stands --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint and the log, each wholly or not at all."""
        stream = io.BytesIO()
        torch.save(
            {
                "settings": json.dumps(asdict(self.settings)),
                "data": json.dumps(self.data),
                "rows": json.dumps(self.rows),
                "epoch": self.epoch,
                "batch": self.batch,
                "sums": self.sums,
                "model": self.model.trained(),
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
            ValueError: it is another training's; the message says what differs.
        """
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            raise FileNotFoundError(f"there is no {path}: nothing to resume")
        state = torch.load(path, map_location="cpu", weights_only=True)
        here = {**asdict(self.settings), "data": self.data}
        there = {**json.loads(state["settings"]), "data": json.loads(state["data"])}
        if other := sorted(k for k in here if k not in FREE and here[k] != there.get(k)):
            got, want = ({k: v[k] for k in other if k in v} for v in (here, there))
            raise ValueError(f"{path} is of another training: got {got}, expected {want}, as it was started")
        self.model.load_state_dict(state["model"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.batch, self.sums = state["epoch"], state["batch"], state["sums"]
        self.rows = json.loads(state["rows"])

    def _finish(self) -> dict[str, Any]:
        """Save the weights, and score what was saved."""
        from safetensors.torch import save

        settings, path = self.settings, self.out / "weights.safetensors"
        write_atomic(path, save(self.model.weights(settings.scale)), overwrite=True)
        kind = LPIPS if settings.attack == CLEAN else RLPIPS
        metric = kind(load_trunk(settings.trunk), path).to(self.device)
        card = {
            "metric": kind.title,
            "settings": {**asdict(settings), "eps": settings.radius},
            "data": self.data,
            "weights": {"sha256": sha256_of(path), "bytes": path.stat().st_size},
            "figures": {
                **{name: self.rows[-1][name] for name in ("loss", "2AFC")},
                "val": evaluate(metric, self.val, settings, self.device, self.stop),
                "noise of 4 grey levels": noise(metric, self.val, settings, self.device),
                "seconds": round(sum(row["seconds"] for row in self.rows), 1),
            },
            "versions": versions("mnd", "torch", "torchvision"),
            "device": str(self.device),
        }
        self._write("card.json", json.dumps(card, indent=1) + "\n")
        return card

    def _write(self, name: str, text: str) -> None:
        write_atomic(self.out / name, text.encode(), overwrite=True)


def generator(device: torch.device | str, *names: object) -> torch.Generator:
    """Random numbers that depend on the names alone."""
    digest = hashlib.sha256(repr(names).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def evaluate(
    metric: LPIPS, val: TwoAFC, settings: Settings, device: torch.device | str, stop: Stop
) -> dict[str, float]:
    """The soft 2AFC score on `val`: clean, and of some triplets attacked so as to be misranked.

    The attack is that of the training (of x0, where there was none), on the distances themselves.
    """
    which = "x0" if settings.attack == CLEAN else settings.attack
    ball = cast(Norm, settings.norm), settings.radius, settings.steps
    clean, misled = [], []
    for batch in val.sample(settings.val, settings.seed).batches(settings.batch):
        stop.check()
        batch = batch.to(device)
        with torch.no_grad():
            near = metric.at(batch.ref)
            clean.append(score(near(batch.p0), near(batch.p1), batch.judge))
    some = val.sample(min(settings.attacked, settings.val), settings.seed)
    for number, batch in enumerate(some.batches(settings.batch) if settings.attacked else ()):
        stop.check()
        batch = batch.to(device)
        wrong = misjudging(metric, batch.pictures, batch.judge)
        draws = generator("cpu", settings.seed, "val", number)
        found = attack(wrong, batch.pictures, cast(Which, which), *ball, generator=draws)
        seen = {**batch.pictures, **found}
        with torch.no_grad():
            near = metric.at(seen["ref"])
            misled.append(score(near(seen["p0"]), near(seen["p1"]), batch.judge))
    named = {"clean": clean, "attacked": misled}
    return {name: round(float(torch.cat(scores).mean()), 6) for name, scores in named.items() if scores}


def noise(metric: LPIPS, val: TwoAFC, settings: Settings, device: torch.device | str) -> float:
    """The mean distance of white noise of 4 grey levels on references of `val`: the scale of the metric."""
    (batch,) = val.sample(settings.batch, settings.seed).batches(settings.batch)
    draws = torch.randn(batch.ref.shape, generator=generator("cpu", settings.seed, "noise"))
    noisy = (batch.ref + 4 / 255 * draws).clamp(0, 1)
    with torch.no_grad():
        return float(metric(batch.ref.to(device), noisy.to(device)).mean())


# command line ---------------------------------------------------------------------------------------------


def _number(text: str) -> float:
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom or 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the set, with train and val")
    parser.add_argument("out", type=Path, help="the folder for the weights")
    for item in fields(Settings):
        kind = _number if isinstance(item.default, float) else type(item.default)
        parser.add_argument(
            f"--{item.name}",
            type=kind,
            default=item.default,
            choices=item.metadata["choices"] or None,
            help=f"{item.metadata['help']} (%(default)s)",
        )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--minutes", type=float, default=10, help="between checkpoints (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is asked for; 0 done, 1 not done, 2 asked wrongly, 130 interrupted."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        settings = Settings(**{item.name: getattr(args, item.name) for item in fields(Settings)})
    except ValueError as error:
        parser.error(str(error))
    if not args.resume and (args.out / "checkpoint.pt").exists():
        parser.error(f"{args.out} has a training already: --resume it, or give another folder")
    device = ("cuda" if torch.cuda.is_available() else "cpu") if args.device == "auto" else args.device

    def train() -> dict[str, Any]:
        training = Training(settings, args.data, args.out, device, args.minutes)
        (training.load if args.resume else training.begin)()
        return training.run()

    return to_its_end(train, parser.prog, args.out)


if __name__ == "__main__":
    sys.exit(main())
