"""The errors of this project: what can go wrong with a photo, a file, a setting or a machine.

    MndError
    +- PhotoError (ValueError)          a photo that cannot be read or written; `kind`
    +- FaceError (ValueError)           no face where one was expected; `kind`
    +- NotProtectedError (ValueError)   not cloaked, or not proven to be; `record`
    +- ManifestError (ValueError)       a manifest that cannot be read
    +- LockedError (ValueError)         another run writes to the same results
    +- OfflineError (FileNotFoundError) weights are missing, and may not be downloaded
    +- DiskFullError (OSError)          there is no room for results

Each is also one of Python's own, in brackets, and can be caught as that. What has nothing to do with a photo
is Python's own alone: settings, cards and weights that are wrong (`ValueError`), weights that nobody has and
sources that are not there (`FileNotFoundError`), a study that is there already (`FileExistsError`), failed
downloads (`ConnectionError`), packages that are not installed (`ModuleNotFoundError`).
"""

from __future__ import annotations


class MndError(Exception):
    """What all errors of this project have in common.

    >>> from mnd import PhotoError
    >>> issubclass(PhotoError, MndError), issubclass(PhotoError, ValueError)
    (True, True)
    """


class OfflineError(MndError, FileNotFoundError):
    """Weights are missing and may not be downloaded."""
