"""The client of Redis: made from a URL, patient with what passes, quick to give up what stays."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from streaming.errors import EnvironmentRefused, RedisRefused, RedisUnavailable
from streaming.metrics import tally
from streaming.store import sentinel

FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# How TLS ends when a server goes away in the middle of it.
PASSING = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class RetryTransient(Retry):
    """Tries again after errors that may pass; a refused password or certificate does not."""

    def call_with_retry(
        self,
        do: Callable[[], Any],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Any:
        """Do what `Retry` does, for errors that may pass."""
        tries = 0

        def counted() -> Any:
            nonlocal tries
            tries += 1
            if tries > 1:
                tally.add(tally.REDIS_RETRIES)
            return do()

        return super().call_with_retry(counted, fail, _may_pass, with_failure_count)


class VerifiedTLSConnection(redis.SSLConnection):
    """
    A connection over TLS on which the server has answered once, in the time a connection may take.

    With TLS 1.3 the server looks at the client's certificate when the client's handshake is done
    already. If it refuses, the next write fails, mostly before anything reads the reason.
    """

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        sock.settimeout(self.socket_connect_timeout)
        wrapped: ssl.SSLSocket = super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        try:
            with suppress(OSError):  # reading tells why
                wrapped.sendall(b"PING\r\n")
            reply = b""
            while not reply.endswith(b"\n"):
                more = wrapped.recv(1024)
                if not more:
                    raise ConnectionResetError("closed before the first reply")
                reply += more
        except OSError:
            wrapped.close()
            raise
        wrapped.settimeout(self.socket_timeout)
        return wrapped


class VerifiedManagedConnection(SentinelManagedConnection, VerifiedTLSConnection):
    """The same, to the primary that the sentinels name."""


VERIFIED = {
    redis.SSLConnection: VerifiedTLSConnection,
    SentinelManagedSSLConnection: VerifiedManagedConnection,
}


def connect(url: str, retries: int, patience: float = 30) -> Any:
    """
    Return a client that connects when it is first used, and waits `patience` seconds for a reply.

    Typed loosely: the client's stubs do not know that replies are bytes here.

    Raises:
        EnvironmentRefused: the URL or one of its options is invalid; the message never contains the URL.
    """
    make = sentinel.primary if url.startswith(sentinel.SCHEMES) else redis.Redis.from_url
    try:
        client = make(
            url,
            retry=RetryTransient(ExponentialWithJitterBackoff(base=0.1, cap=2.0), retries),
            socket_connect_timeout=min(5, patience),
            socket_timeout=patience,
            encoding_errors="surrogateescape",  # names of files may be no UTF-8
        )
    except ValueError:
        raise EnvironmentRefused(
            "REDIS_URL is not a URL of the form redis://[user:password@]host:port/db "
            f"or {sentinel.FORM}"
        ) from None
    pool = client.connection_pool
    pool.connection_class = VERIFIED.get(pool.connection_class, pool.connection_class)
    options = pool.connection_kwargs
    try:
        pool.connection_class(**options)
    except (TypeError, redis.RedisError):
        raise EnvironmentRefused(
            "REDIS_URL has options after its ? that do not exist or do not fit (ssl_… need rediss://)"
        ) from None
    for name in FILES:
        path = options.get(name)
        if path is not None and not (Path(path).is_file() and os.access(path, os.R_OK)):
            raise EnvironmentRefused(f"{name} in REDIS_URL names a file that cannot be read")
    return client


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn the client's errors into ours, which name the server and never the password."""
    try:
        yield
    except redis.AuthenticationError:
        raise RedisRefused(f"Redis at {place} refused the user or password") from None
    except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
        if refusal := _refusal(error):
            raise RedisRefused(f"Redis at {place}: {refusal}") from error
        raise RedisUnavailable(
            f"Redis at {place} does not answer ({type(error).__name__}); "
            "start it or correct REDIS_URL (rediss:// with TLS, redis:// without), "
            "then run again: nothing was lost"
        ) from error
    except redis.RedisError as error:
        raise RedisRefused(f"Redis at {place} refused: {error}") from error


def _refusal(error: BaseException | None) -> str | None:
    """Return what is wrong and what to do, if TLS is what failed and trying again is no use."""
    tls_error = _tls(error)
    if tls_error is None:
        return None
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not accepted ({tls_error.verify_message.rstrip('.')}): REDIS_URL needs "
            "the CA that signed it (?ssl_ca_certs=/path/to/ca.pem) and a host that it was made for"
        )
    reason = (tls_error.reason or "no reason given").replace("_", " ").lower()
    if "alert" in reason and (" certificate" in reason or "unknown ca" in reason):
        return (
            f"it does not accept our certificate ({reason}): REDIS_URL needs one that it knows "
            "(?ssl_certfile=/path/to/cert.pem&ssl_keyfile=/path/to/key.pem)"
        )
    return (
        f"TLS is not possible ({reason}): either none is spoken there (then redis://), "
        "or the files named in REDIS_URL do not fit"
    )


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, redis.AuthenticationError) and _tls(error) is None


def _tls(error: BaseException | None) -> ssl.SSLError | None:
    """Return the error of TLS that lies under one of the client's, unless it may pass."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return None if isinstance(error, PASSING) else error
        error = error.__cause__ or error.__context__
    return None
