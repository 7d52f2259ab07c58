"""The quantised coefficients of a JPEG file: read, changed where pixels change, written as they were coded.

Pillow decodes and encodes pixels alone, so that a photo of which one face changes would be coded anew as a
whole. Here are its scans (ITU-T T.81, Huffman coding, sequential and progressive) as whole numbers: `frame`
says how a file is laid out, `reader` gives the coefficients, `change` adds to them what a change of pixels is
in them, `scans` says as symbols and bits what a scan holds, `writer` makes bytes of it, and `picture` is the
door to all that. What pixels a file shows is always asked of Pillow's decoder.
"""

from .frame import Frame, NotReadError
from .picture import CodedPicture

__all__ = ["CodedPicture", "Frame", "NotReadError"]
