"""What knows nothing of a cloak: files and disks, JSON lines, weights, the machine, pages, types.

It asks no other room. `weights` loads torch and `html` Pillow; the others load neither. Whoever imports any
part of this package comes through here, so that half of it under another package's `mnd` is told as that.
"""

from .distribution import refuse_stranger_here

refuse_stranger_here()
