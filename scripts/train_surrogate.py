"""Train a surrogate: MobileFaceNet made flat, so that what fools it fools others, too.

    python scripts/train_surrogate.py PHOTOS.tar CARD.json OUT --eps 1 --epochs 1
    python scripts/train_surrogate.py ... --resume                go on where Ctrl-C stopped it

    L = mean_i 1 - cos(f(x_i + d_i), t(x_i)),   |d_i| <= r_i,  r_i uniform in [0, eps]

where t is the network of the card as it came, f begins as the same network, and d_i is one step of an attack
on f (`surrogate/smoothing.py`). x are pixels in [0, 1] of 112 x 112 chips. The weights that are saved are a
running mean of those of the steps (Izmailov et al. 2018, arXiv 1803.05407), in float16.

    OUT/surrogate.safetensors, surrogate.json      a card for `--targets card:OUT/surrogate.json`
    OUT/log.jsonl                                  a line every few steps
    OUT/checkpoint.pt                              every few minutes, and when interrupted
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rlpips.stopping import Interrupted, Stop
from surrogate.chips import Chips, read
from surrogate.smoothing import apart, attacked, crops
from torch import Tensor, nn

from mnd.base.files import sha256_of, write_atomic
from mnd.targets import registry
from mnd.targets.face import FaceTarget


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is trained."""

    eps: float = 1.0
    """Largest L2 norm of an attack, of pixels in [0, 1]."""
    epochs: int = 1
    batch: int = 32
    lr: float = 3e-4
    """Of Adam at the first step; it falls to 0 along a cosine."""
    misplaced: float = 0.06
    """How far crops are out of place."""
    mean: float = 0.998
    """What of the running mean of weights stays from step to step."""
    seed: int = 0


class Training:
    """One training, and where it stands."""

    def __init__(self, settings: Settings, chips: Chips, teacher: FaceTarget, out: Path) -> None:
        self.settings, self.chips, self.teacher, self.out = settings, chips, teacher, out
        self.net: nn.Module = copy.deepcopy(teacher.net).requires_grad_(True).eval()
        self.mean = {name: tensor.clone() for name, tensor in self.net.state_dict().items()}
        self.optimizer = torch.optim.Adam(self.net.parameters(), settings.lr)
        self.step, self.rows = 0, list[dict[str, Any]]()
        self.steps = settings.epochs * (len(chips) // settings.batch)

    def run(self, minutes: float = 5) -> None:
        """Train to the end and save.

        Raises:
            Interrupted: Ctrl-C; the checkpoint is saved.
        """
        saved, losses = time.monotonic(), list[float]()
        with Stop() as stop:
            while self.step < self.steps:
                if stop.asked or time.monotonic() - saved > 60 * minutes:
                    self.save()
                    saved = time.monotonic()
                stop.check()
                losses.append(self._update())
                self.step += 1
                if self.step % 20 == 0 or self.step == self.steps:
                    self._tell(losses)
                    losses = []
        self.save()
        self.finish()

    def _update(self) -> float:
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed * 10**6 + self.step)
        with torch.no_grad():
            images = crops(self._batch(), settings.misplaced, generator)
            wanted = self.teacher.net(self._normalised(images))
        for group in self.optimizer.param_groups:
            group["lr"] = (
                settings.lr * (1 + torch.cos(torch.tensor(torch.pi * self.step / self.steps)).item()) / 2
            )
        seen = attacked(lambda x: self.net(self._normalised(x)), images, wanted, settings.eps, generator)
        loss = apart(self.net(self._normalised(seen)), wanted).mean()
        if not loss.isfinite():
            raise FloatingPointError(f"the loss is {loss:g} in step {self.step}")
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        keep = min(settings.mean, self.step / (self.step + 10))
        for name, tensor in self.net.state_dict().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - keep)
        return float(loss.detach())

    def _batch(self) -> Tensor:
        """The next chips; the order of an epoch follows from the seed alone."""
        per = len(self.chips) // self.settings.batch
        epoch, place = divmod(self.step, per)
        order = torch.randperm(
            len(self.chips), generator=torch.Generator().manual_seed(self.settings.seed + epoch)
        )
        rows = order[place * self.settings.batch : (place + 1) * self.settings.batch].sort().values.numpy()
        return torch.from_numpy(self.chips[rows]).permute(0, 3, 1, 2).float() / 255

    def _normalised(self, images: Tensor) -> Tensor:
        card = self.teacher.card
        mean, std = (torch.tensor(v)[:, None, None] for v in (card.mean, card.std))
        return (images - mean) / std

    def _tell(self, losses: list[float]) -> None:
        row = {"step": self.step, "of": self.steps, "loss": round(sum(losses) / len(losses), 5)}
        self.rows.append(row)
        print(json.dumps(row), flush=True)

    # where it stands --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint and the log, each wholly or not at all."""
        stream = io.BytesIO()
        state = {
            "settings": json.dumps(asdict(self.settings)),
            "rows": json.dumps(self.rows),
            "step": self.step,
        }
        state |= {"net": self.net.state_dict(), "mean": self.mean, "optimizer": self.optimizer.state_dict()}
        torch.save(state, stream)
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomic(self.out / "checkpoint.pt", stream.getvalue(), overwrite=True)
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        write_atomic(self.out / "log.jsonl", text.encode(), overwrite=True)

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
        here, there = asdict(self.settings), json.loads(state["settings"])
        if here != there:
            raise ValueError(
                f"{path} is of another training: got {here}, expected {there}, as it was started"
            )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean, self.step, self.rows = state["mean"], state["step"], json.loads(state["rows"])

    def finish(self) -> None:
        """Save the mean of the weights, and a card whose threshold is still that of the teacher."""
        from safetensors.torch import save

        small = {n: (t.half() if t.is_floating_point() else t).contiguous() for n, t in self.mean.items()}
        path = self.out / "surrogate.safetensors"
        write_atomic(path, save(small), overwrite=True)
        card = self.teacher.card
        told = {
            "name": "surrogate",
            "architecture": "mobilefacenet",
            "weights": path.name,
            "sha256": sha256_of(path),
            "kind": "face",
            "size": list(card.size),
            "mean": list(card.mean),
            "std": list(card.std),
            "template": card.template,
            "unit": card.unit,
            "threshold": card.threshold,
            "threshold_at": card.threshold_at,
            "source": f"scripts/train_surrogate.py, {json.dumps(asdict(self.settings))}, from {card.name}",
            "licence": card.licence,
            "surrogate": True,
            "trained_on": "LFW, without the people of the tests; no labels",
        }
        write_atomic(
            self.out / "surrogate.json", (json.dumps(told, indent=1) + "\n").encode(), overwrite=True
        )


def main(arguments: list[str] | None = None) -> int:
    """Train, or go on; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="a tar of LFW's photos")
    parser.add_argument("card", type=Path, help="of a MobileFaceNet: the teacher, and the start")
    parser.add_argument("out", type=Path, help="the folder for what is made")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help="(%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    args = parser.parse_args(arguments)
    settings = Settings(**{name: getattr(args, name) for name in asdict(Settings())})
    try:
        teacher = registry.load(f"card:{args.card}", offline=True)
        if not isinstance(teacher, FaceTarget):
            raise ValueError(f"{args.card} is of a {teacher.card.kind}, expected a face recogniser")
        chips = read(args.photos, args.out)
        training = Training(settings, chips, teacher, args.out)
        if args.resume:
            training.load()
        training.run()
    except Interrupted:
        print(f"stopped; --resume goes on from {args.out / 'checkpoint.pt'}", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"train_surrogate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
