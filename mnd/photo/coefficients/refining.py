"""The scans of a progressive file that give AC coefficients one bit more: their decoder."""

from __future__ import annotations

import numpy as np

from .bits import Stream, expanded
from .frame import Coefficients, Indices, NotReadError, Scan


def refine_bands(scan: Scan, stream: Stream, order: Indices, per: int, found: Coefficients) -> None:
    """Take in such a scan (ITU-T T.81, G.1.2.3): new coefficients, and a bit for each that is there.

    Raises:
        NotReadError: damaged data.
    """
    symbols, lengths = (table.data for table in expanded(scan.codes[1, scan.tables[0][1]]))
    data, bits = stream.data.tobytes(), stream.single().tobytes()
    values = found[order]
    there = np.count_nonzero(values[:, scan.first : scan.last + 1], axis=1).tolist()
    flat = values.reshape(-1).data
    first, last, one = scan.first, scan.last, 1 << scan.low
    for interval, start in enumerate(stream.starts):
        pos, run = 8 * start, 0
        for block in range(interval * per, min((interval + 1) * per, len(order))):
            at, stop = 64 * block + first, 64 * block + last
            if not run:
                while at <= stop:
                    word = int.from_bytes(data[pos >> 3 : (pos >> 3) + 3], "big") >> (8 - (pos & 7)) & 0xFFFF
                    symbol = symbols[word]
                    if not lengths[word]:
                        raise NotReadError("damaged data: a code that there is not")
                    pos += lengths[word]
                    zeros, size, new = symbol >> 4, symbol & 15, 0
                    if size:
                        new = one if bits[pos] else -one
                        pos += 1
                    elif zeros < 15:
                        run = 1 << zeros
                        for bit in bits[pos : pos + zeros]:
                            zeros -= 1
                            run += bit << zeros
                        pos += symbol >> 4
                        break
                    while at <= stop:
                        value = flat[at]
                        if value:
                            if bits[pos]:
                                flat[at] = value + one if value > 0 else value - one
                            pos += 1
                        elif zeros:
                            zeros -= 1
                        else:
                            break
                        at += 1
                    if new:
                        if at > stop:
                            raise NotReadError("damaged data: a block of too many coefficients")
                        flat[at] = new
                    at += 1
            if run:
                if there[block]:
                    while at <= stop:
                        if value := flat[at]:
                            if bits[pos]:
                                flat[at] = value + one if value > 0 else value - one
                            pos += 1
                        at += 1
                run -= 1
        if pos > (stream.starts[interval + 1] * 8 if interval + 1 < len(stream.starts) else stream.size):
            raise NotReadError("damaged data: an interval that is too short")
    found[order] = values
