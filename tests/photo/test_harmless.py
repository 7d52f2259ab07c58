"""What real programs write, long and odd as it is, stays: no picture is seen where none is."""

from __future__ import annotations

import base64
import json
import struct
import zlib

import numpy as np
import pytest

from mnd.photo.metadata.noted import Noted
from mnd.photo.metadata.pictures import text_block_hides, text_hides
from mnd.photo.metadata.xmp import clean_xmp
from tests.helpers.planted import FORMS, NAMESPACES, RAW

RANDOM = np.random.default_rng(0)


def packed(data: bytes) -> str:
    """As darktable packs long parameters: a mark, the ratio, and base64 of deflated bytes."""
    return (
        f"gz{min(len(data) // max(len(zlib.compress(data)), 1), 99):02d}"
        + base64.b64encode(zlib.compress(data)).decode()
    )


def floats(count: int) -> bytes:
    return RANDOM.normal(0, 2, count).astype("<f4").tobytes()


MASK = struct.pack("<2f", 0.4, 0.5) + RANDOM.uniform(0, 1, 1500).astype("<f4").tobytes() + bytes(400)
CURVE = (
    struct.pack("<4i", 1, 0, 3, 7)
    + np.linspace(0, 1, 640, dtype="<f4").tobytes()
    + struct.pack("<9i", *range(9))
)
LENS = (
    struct.pack("<i6f", 1, 1.5, 2.8, 35, 1000, 0.01, 1)
    + b"Canon EOS 5D Mark III".ljust(128, b"\0")
    + floats(90)
)
DARKTABLE = {
    "zeros": bytes(1280).hex(), "mask": packed(MASK), "curve": packed(CURVE), "lens": LENS.hex(),
    "floats": floats(300).hex(),
    "packed floats": packed(floats(600)),
}  # fmt: skip
WORKFLOW = json.dumps(
    {"nodes": [{"id": i, "type": "KSampler", "inputs": [{"name": f"model_{i}", "link": 7 * i % 31}],
                "widgets_values": [1041855229876133 * i, "fixed", 20, 7.5, "dpmpp_2m_sde_gpu", "karras", 1]}
               for i in range(60)]}, separators=(",", ":"))  # fmt: skip
TEXTS = {
    "prose": "A day at the sea with the children, and the wind from the west. " * 60,
    "one long word": "Donaudampfschifffahrtsgesellschaftskapitaen" * 30,
    "workflow": WORKFLOW, "escaped workflow": json.dumps(WORKFLOW),
    "prompt": "masterpiece, best quality, 1girl, (detailed face:1.2), <lora:addDetail_v11:0.6>\nSteps: 30, "
              "Sampler: DPM++ 2M Karras, Seed: 3511482096, Size: 512x768, Model: 6ce0161689, " * 6,
    "paths": "/home/somebody/Pictures/2020/01/02/IMG_2034.CR2\n" * 40,
    "file names": " ".join(f"IMG_{i}.JPG DSC0{i}" for i in range(1000, 1200)),
    "ancestors": "\n".join(f"xmp.did:{i:08X}-1DD2-11B2-8D3F-{7 * i:012X}" for i in range(10**6, 10**6 + 99)),
    "numbers": " ".join(f"{i / 7:.4f}" for i in range(900)),
    "a tone curve": ", ".join(map(str, range(256))) + ", 255",
    "Japanese": "今日は家族と海へ行きました。風が強くて、波も高かったです。" * 30,
    "Russian": "Сегодня мы с детьми были на море, ветер дул с запада. " * 30,
    "rows of equals": "=" * 2000 + "-" * 500 + "_" * 900, "zeros in base64": "A" * 4000,
    "an address": "https://example.org/photos?" + "&".join(f"key{i}=value-{i}" for i in range(90)),
}  # fmt: skip


@pytest.mark.parametrize("case", DARKTABLE)
def test_parameters_of_darktable_stay(case: str) -> None:
    assert not text_hides(DARKTABLE[case], parameters=True)
    packet = (
        f"<x:xmpmeta {NAMESPACES}><rdf:RDF><rdf:Description><darktable:history><rdf:Seq><rdf:li "
        f'darktable:params="{DARKTABLE[case]}"/></rdf:Seq></darktable:history></rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()
    noted = Noted()
    assert clean_xmp(packet, noted) == packet
    assert noted.removed == []


@pytest.mark.parametrize("form", ["jpeg", "png", "raw", "grey", "deflated", "webp", "avif", "jxl", "gzip"])
def test_a_picture_among_the_parameters_goes(form: str) -> None:
    assert text_hides(packed(FORMS[form]), parameters=True)
    assert text_hides(FORMS[form].hex(), parameters=True)
    assert text_hides(base64.b64encode(FORMS[form]).decode(), parameters=True)
    assert text_hides(packed(bytes(400) + RAW), parameters=True)


@pytest.mark.parametrize("case", TEXTS)
def test_texts_stay(case: str) -> None:
    assert not text_hides(TEXTS[case])
    assert not text_block_hides(TEXTS[case].encode())
    assert not text_block_hides(TEXTS[case].encode("utf-16"))


@pytest.mark.parametrize(
    ("code", "case"),
    [("shift_jis", "Japanese"), ("euc_jp", "Japanese"), ("cp1251", "Russian"), ("koi8-r", "Russian")],
)
def test_texts_in_older_codes_stay(code: str, case: str) -> None:
    assert not text_block_hides(TEXTS[case].encode(code))


@pytest.mark.parametrize("bright", [0, 40, 128, 150])
@pytest.mark.parametrize("contrast", [0.3, 0.5, 1.0])
def test_pixels_are_no_text(bright: int, contrast: float) -> None:
    pixels = np.clip(np.frombuffer(RAW, np.uint8) * contrast + bright, 0, 255).astype(np.uint8)
    assert text_block_hides(pixels.tobytes())
