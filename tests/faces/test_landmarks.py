"""Crops out of place: landmarks that move as a whole."""

from __future__ import annotations

import torch

from mnd.faces.landmarks import misplaced


def test_a_face_out_of_place_keeps_its_shape():
    faces = torch.rand(50, 5, 2, dtype=torch.float64) * 100
    moved = misplaced(faces, 0.1, torch.Generator().manual_seed(0))
    apart = [torch.cdist(points, points) for points in (faces, moved)]
    ratio = apart[1][:, 0, 1:] / apart[0][:, 0, 1:]
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio))  # turned, zoomed and moved, nothing else
    assert (ratio[:, 0] - 1).abs().mean() > 0.03


def test_how_far_faces_move_is_what_was_asked_for():
    faces = torch.tensor([[[-50.0, 0.0], [50.0, 0.0], [0.0, 10.0], [0.0, -10.0]]]).expand(4000, 4, 2)
    moved = misplaced(faces, 0.05, torch.Generator().manual_seed(1))
    across = moved[:, 1] - moved[:, 0]
    turns = torch.atan2(across[:, 1], across[:, 0])
    zooms = torch.linalg.vector_norm(across, dim=1) / 100 - 1
    places = moved.mean(1) / 100
    for values in (turns, zooms, places[:, 0], places[:, 1]):
        assert abs(float(values.std()) - 0.05) < 0.003
        assert abs(float(values.mean())) < 0.004


def test_in_place_nothing_is_drawn():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    faces = torch.rand(1, 5, 2)
    assert misplaced(faces, 0.0, generator) is faces
    assert torch.equal(generator.get_state(), before)
