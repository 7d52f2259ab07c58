"""What apps make of a face, in words. Imported at once, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def apps_told(record: Mapping[str, Any]) -> Iterator[str]:
    """A line on each app and face of a record.

    >>> immich = {"name": "immich", "network": "mine", "exact": True, "available": True, "region": 0,
    ...           "measure": "cosine distance", "threshold": 0.5, "against": "gallery", "photos": 4,
    ...           "distances": [0.71, 0.83, 0.9, 0.75], "distances_before": [0.2, 0.3, 0.25, 0.6],
    ...           "matched": 0, "matched_before": 3, "joins_cluster": False, "joins_before": True}
    >>> for line in apps_told({"apps": [immich], "regions": [{}]}):
    ...     print(line)
    immich: matches 0 of 4 photos (the original: 3) and does not name the person; nearest cosine distance \
0.710 (the original: 0.200), a match is at most 0.5
    """
    several = len(record["regions"]) > 1
    for app in record.get("apps") or ():
        who = app["name"]
        if several and app["region"] is not None:
            who += f", face {app['region'] + 1} of {len(record['regions'])}"
        yield f"{who}: {_verdict(app)}" if app["available"] else f"{who}: could not be asked: {app['why']}"


def approximated(record: Mapping[str, Any]) -> Iterator[str]:
    """A line on each app whose verdict is not made quite as the app itself makes it."""
    told = {app["name"]: app["approximated"] for app in record.get("apps") or () if app["approximated"]}
    yield from (f"{name}, not as in the app: {text}" for name, text in told.items())


def recognising(record: Mapping[str, Any]) -> list[str]:
    """The apps that match a photo of the person, or name the face by their rule."""
    asked = [app for app in record.get("apps") or () if app["available"]]
    return list(dict.fromkeys(app["name"] for app in asked if app["matched"] or app["joins_cluster"]))


def not_asked(record: Mapping[str, Any]) -> list[str]:
    """The apps that could not be asked about a face."""
    return list(dict.fromkeys(app["name"] for app in record.get("apps") or () if not app["available"]))


def unanswered(record: Mapping[str, Any]) -> str:
    """What of the apps that were asked for is not as it shall be, in words; empty where all is.

    >>> unanswered({"apps": [{"name": "immich", "available": True, "matched": 1, "joins_cluster": False}]})
    'immich still recognises the face'
    """
    still, left = recognising(record), not_asked(record)
    parts = [f"{', '.join(still)} still recognise{'s' if len(still) == 1 else ''} the face"] if still else []
    return "; ".join([*parts, *([f"{', '.join(left)} could not be asked"] if left else [])])


def _verdict(app: Mapping[str, Any]) -> str:
    lower = app["measure"] != "cosine similarity"
    nearest, before = ((min if lower else max)(app[which]) for which in ("distances", "distances_before"))
    bound = f"a match is at {'most' if lower else 'least'} {app['threshold']:g}"
    figures = f"nearest {app['measure']} {nearest:.3f} (the original: {before:.3f}), {bound}"
    names = "names the person" if app["joins_cluster"] else "does not name the person"
    if app["against"] == "original":
        match = "matches" if app["matched"] else "does not match"
        text = f"{match} the original and {names} (no gallery: the original alone stands for the person)"
        figures = f"{app['measure']} {nearest:.3f}, {bound}"
    else:
        photos = f"{app['photos']} photo{'' if app['photos'] == 1 else 's'}"
        clean = app["matched_before"] if app["joins_before"] else f"{app['matched_before']}, not named either"
        text = f"matches {app['matched']} of {photos} (the original: {clean}) and {names}"
    stand = "" if app["exact"] else f"; {app['network']} stands in for its network"
    return f"{text}; {figures}{stand}"
