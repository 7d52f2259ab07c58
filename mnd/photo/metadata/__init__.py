"""What a file says of its picture: EXIF, XMP, IPTC, colour profiles, kept by lists of what is harmless.

Bytes go in and bytes come out, in which no picture is; `Noted` is told what went. Numbers are read from the
bytes themselves, by no other room.
"""
