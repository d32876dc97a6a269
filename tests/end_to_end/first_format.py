"""What version 0.1.0 left in Redis, before formats were kept, and the files it was made from."""

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any

DUMP = Path(__file__).parent.parent / "data" / "format-1"
REJECTED = "xx,2026-10-05,São Paulo,SP,1.00\n"


def fill(client: Any, landing_zone: Path) -> list[str]:
    """Put it into this Redis and this landing zone; return the rows that fit, by file in order."""
    stored = json.loads((DUMP / "redis.json").read_text())
    for key, value in stored.items():
        if isinstance(value, str):
            client.set(key, value)
        elif "base64" in value:
            client.set(key, base64.b64decode(value["base64"]))
        else:
            client.hset(key, mapping=value)
    records = {path: json.loads(record) for path, record in stored["ingest:files"].items()}
    for path, record in records.items():
        shutil.copy(DUMP / path, landing_zone / path)
        os.utime(landing_zone / path, ns=(0, record["mtime"]))
    ordered = sorted(records, key=lambda path: (records[path]["version"], records[path]["mtime"], path))
    return [(DUMP / path).read_text().removesuffix(REJECTED) for path in ordered]
