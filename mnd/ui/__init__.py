"""A page on this computer for photos of one's own: choose faces, look, save. Photos stay in its memory.

In come photos as bytes from a browser on the same machine, out goes what `mnd cloak` would have saved. It
asks `cloaking` and `photo` for the work, and never opens a connection. `docs/ui.md` says what it promises.
"""
