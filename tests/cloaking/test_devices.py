"""What `mnd doctor` tries, on the CPU, on a stand-in for MPS, and on devices that compute wrongly."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from mnd.cloaking import devices
from mnd.cloaking.devices import Trial, tried
from mnd.faces.detector import Detector
from mnd.losses import ELPIPS
from mnd.targets import load
from tests.helpers.mps import MPS, OnMps, pretended


def test_the_stand_in_refuses_what_mps_refuses():
    with pretended():
        x = torch.rand(1, 3, 10, 10, device="mps")
        assert (type(x), x.device, (x * 2).device, x.cpu().device.type) == (OnMps, MPS, MPS, "cpu")
        y = x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad((y**2).sum(), y)
        assert torch.allclose(slope, 2 * x)
        assert slope.device == MPS
        with pytest.raises(TypeError, match="float64"):
            x.double()
        with pytest.raises(TypeError, match="float64"):
            torch.zeros(1, dtype=torch.float64, device="mps")
        with pytest.raises(RuntimeError, match="same device"):
            x + torch.rand(10)
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        with pytest.raises(RuntimeError, match="divisible"):
            F.interpolate(x, size=(3, 3), mode="area")
    assert not torch.backends.mps.is_available()


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_a_device_that_computes_right_works(device: str):
    with pretended():
        assert tried(device) == Trial(device)


def test_a_device_that_computes_wrongly_without_an_error_does_not(monkeypatch: pytest.MonkeyPatch):
    """As MPS has done: a convolution whose gradient is another."""
    real = F.conv2d

    def wrong(x, *rest, **more):
        out = real(x, *rest, **more)
        return out + 0.3 * out.flip(-1) if isinstance(x, OnMps) else out

    monkeypatch.setattr(F, "conv2d", wrong)
    with pretended():
        trial = tried("mps")
    assert not trial.works
    assert "an embedding is" in (trial.forward or "")
    assert "cosine" in (trial.backward or "")
    assert trial.as_json()["works"] is False


def test_an_operator_that_a_device_does_not_have_is_told(monkeypatch: pytest.MonkeyPatch):
    def missing(*_, **__):
        raise NotImplementedError("The operator 'aten::cumsum' is not implemented for MPS.\nA trace follows")

    monkeypatch.setattr(devices, "standard", missing)
    trial = tried("cpu")
    assert trial.search == "NotImplementedError: The operator 'aten::cumsum' is not implemented for MPS."
    assert trial.forward is trial.backward is None


def test_faces_are_found_on_the_cpu_beside_mps():
    pixels = skimage.data.astronaut()
    with pretended():
        detector = Detector("mps")
        [face] = detector(pixels)
    [here] = Detector()(pixels)
    assert detector.device.type == "cpu"
    assert np.array_equal(face.landmarks, here.landmarks)


def test_dlib_exact_and_elpips_reports_need_no_float64_there():
    x = torch.rand(1, 3, 96, 96)
    face = torch.tensor([[[30.0, 40.0], [60.0, 40.0], [45.0, 60.0], [32.0, 75.0], [58.0, 75.0]]])
    here = load("dlib")
    with pretended():
        there = load("dlib", "mps")
        y = x.to("mps")
        embedding = there.embed_as_dlib(y, face)  # type: ignore[attr-defined]
        assert embedding.device == MPS
        assert torch.allclose(embedding.cpu(), here.embed_as_dlib(x, face), atol=1e-5)  # type: ignore[attr-defined]
        told = ELPIPS().to("mps").distance(y, y * 0.9, tolerance=0.9, batch=2, least=3, most=8)
        assert told.value.device == MPS
