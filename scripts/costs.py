from typing import Any
DIGITS: dict[str, int] = {}
def times(a: Any) -> Any: ...
memory = start = times
