"""
A primary that Redis Sentinel names: `redis+sentinel://host:26379,host:26379/service/0`.

The client asks the sentinels at each connection, so a command that is tried again after a failover goes
to the new primary. https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

import re
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

PORT = 26379
SECONDS = 2.0
"""How long one sentinel may take to answer; the next one is asked then."""

SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
FORM = "redis+sentinel://[user:password@]host:port,host:port/service[/db]"
URL = re.compile(
    r"(?P<scheme>rediss?)\+sentinel://(?P<user>[^/?#]*@)?(?P<hosts>[^/?#@]+)"
    r"/(?P<service>[^/?#]+)(?:/(?P<db>\d*))?(?P<query>\?[^#]*)?"
)
OWN = "sentinel_"


def primary(url: str, **options: Any) -> Any:
    """
    Return a client of the primary that the sentinels of this URL name.

    User, password and options after the `?` are for the primary; TLS (`rediss+sentinel`) is for both.
    `sentinel_username` and `sentinel_password` are for the sentinels.

    Args:
        url: as FORM has it.
        options: of each connection to the primary, as redis-py has them.

    Raises:
        ValueError: the URL has another form.
    """
    parts = URL.fullmatch(url)
    if parts is None:
        raise ValueError(f"not of the form {FORM}")
    sentinels = [_address(host) for host in parts["hosts"].split(",")]
    server = _options(f"redis://{parts['user'] or ''}_/{parts['db'] or 0}{parts['query'] or ''}")
    own = {name.removeprefix(OWN): server.pop(name) for name in list(server) if name.startswith(OWN)}
    tls: dict[str, Any] = {"ssl": True} if parts["scheme"] == "rediss" else {}
    files = {name: value for name, value in server.items() if tls and name.startswith("ssl_")}
    del server["host"]
    asking = {
        "socket_timeout": SECONDS,
        "socket_connect_timeout": SECONDS,
        "retry": Retry(NoBackoff(), 0),  # the others are asked instead
        **tls,
        **files,
        **own,
    }
    asked: Any = Sentinel  # the client's own types leave these out
    return asked(sentinels, sentinel_kwargs=asking).master_for(
        parts["service"], **{**server, **tls, **options}
    )


def _address(host: str) -> tuple[str, int]:
    options = _options(f"redis://{host}")
    if "host" not in options:
        raise ValueError("a sentinel has no host")
    return options["host"], options.get("port", PORT)


def _options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]  # the client's own
    return options
