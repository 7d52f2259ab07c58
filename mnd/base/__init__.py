"""What knows nothing of a cloak: files and disks, JSON lines, weights, the machine, pages, types.

It asks no other room, and loads torch and Pillow only where a function needs them.
"""
