"""The network in an ONNX file, as one of torch that takes pictures and has a gradient."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ...base.distribution import pip_install
from ...base.files import shown
from . import file
from .file import OnnxFile

LEAST_NUMBERS = 8
"""Of an embedding: fewer are something else, an age or a box."""
AGREE = 1e-3
"""Share of the largest number by which two ways of asking may differ."""


class Network(nn.Module):
    """Pictures `(B, 3, H, W)` to embeddings `(B, D)`, whatever the layout and the batch of the file.

    Args:
        inner: as the converter gives it.
        colours_last: it takes `(B, H, W, 3)`.
        singly: it takes one picture at a time.
    """

    def __init__(self, inner: nn.Module, colours_last: bool = False, singly: bool = False) -> None:
        super().__init__()
        self.inner, self.colours_last, self.singly = inner, colours_last, singly

    def forward(self, x: Tensor) -> Tensor:
        if self.singly and len(x) > 1:
            return torch.cat([self(x[i : i + 1]) for i in range(len(x))])
        if self.colours_last:
            x = x.permute(0, 2, 3, 1)
        out: Tensor = self.inner(x.contiguous())
        return out.flatten(1)


def read(path: Path, size: tuple[int, int], output: str | None = None) -> Network:
    """The network of a file, tried with two pictures.

    Args:
        path: the file.
        size: height and width of the pictures that it will be shown.
        output: the name of its output, where it has several.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none, takes pictures of another size, has several outputs, does something that the
            converter does not know, gives no embedding, or has no gradient.
    """
    return converted(file.read(path), size, output)


def converted(onnx: OnnxFile, size: tuple[int, int], output: str | None = None) -> Network:
    """The network of a file that was read already; else as `read`."""
    if onnx.size is not None and onnx.size != size:
        got, want = (f"{height} x {width}" for height, width in (size, onnx.size))
        told = f'expected "size": [{onnx.size[0]}, {onnx.size[1]}] in the card'
        raise ValueError(f"{onnx.path}: takes pictures of {want} and not of {got} pixels, {told}")
    net = Network(_inner(onnx, onnx.output(output)), onnx.colours_last)
    net.eval().requires_grad_(False)
    _try(onnx.path, net, size)
    return net


def _inner(onnx: OnnxFile, output: str) -> nn.Module:
    try:
        from onnx2pytorch import ConvertModel
    except ImportError as error:
        told = pip_install("[onnx]")
        raise ValueError(f"{onnx.path}: ONNX files need the package onnx2pytorch: {told}") from error
    from .operators import mended
    from .plain import plain

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = ConvertModel(plain(onnx.model, output))
    except Exception as error:  # an operator that it does not know, each in its own way
        told = "expected the file as it was exported from training, not as a runtime has optimised it"
        raise ValueError(f"{onnx.path}: cannot be read by torch ({shown(error)}), {told}") from error
    del net.onnx_model.graph.initializer[:]  # it has its own copy of them
    return mended(net)


@torch.enable_grad()
def _try(path: Path, net: Network, size: tuple[int, int]) -> None:
    """Ask with two pictures: together where that is the same, else one at a time from then on."""
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    net.singly = True
    given = pictures.clone().requires_grad_()
    try:
        out = net(given)
    except Exception as error:  # torch's, of shapes that do not fit
        told = f"does not take pictures of {size[0]} x {size[1]} pixels"
        raise ValueError(f"{path}: {told} ({shown(error)}), expected its own size in the card") from error
    if out.shape[1] < LEAST_NUMBERS:
        told = f"gives {out.shape[1]} numbers a picture"
        raise ValueError(f"{path}: {told}, expected an embedding: a file that recognises faces")
    if not out.requires_grad or not _sloped(out, given):
        told = "expected a float32 file without rounding"
        raise ValueError(f"{path}: has no gradient from its output to the picture, {told}")
    net.singly = not _together(net, pictures, out.detach())


def _sloped(out: Tensor, given: Tensor) -> bool:
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((out * weights).sum(), given, allow_unused=True)
    return slope is not None and bool(slope.isfinite().all()) and bool(slope.abs().sum() > 0)


@torch.no_grad()
def _together(net: Network, pictures: Tensor, want: Tensor) -> bool:
    net.singly = False
    try:
        got: Tensor = net(pictures)
    except Exception:  # torch's, of a batch that stands in the graph
        return False
    return got.shape == want.shape and bool((got - want).abs().max() <= AGREE * want.abs().max())
