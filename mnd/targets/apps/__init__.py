"""Programs that people meet, by name: which network each has, how it cuts faces out, how it names them.

A profile is a JSON file in `profiles/`; `app:NAME` is a target with the app's alignment and threshold.
"""
