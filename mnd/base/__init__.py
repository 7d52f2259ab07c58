"""What knows nothing of a cloak: files and disks, JSON lines, weights, the machine, pages, types.

It asks no other room. `weights` loads torch and `html` Pillow; the others load neither.
"""
