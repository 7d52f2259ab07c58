"""Recognisers that a user has as an ONNX file, as Immich and PhotoPrism keep theirs.

A file goes in, a network of torch with a gradient comes out (`network.read`), or what the file is and which
card fits it (`probe`). It needs the extra `onnx`: its converter is onnx2pytorch (docs/lab/onnx.md says why).
"""
