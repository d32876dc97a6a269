"""What Py4J logs stays out of the program's output, and nothing else does."""

import logging
import socket
import threading
from collections.abc import Iterator

import pytest
from py4j.java_gateway import GatewayClient
from py4j.protocol import ERROR

from streaming.spark import gateway


@pytest.fixture
def hung_up() -> Iterator[int]:
    """A port where whoever connects is hung up on, as by a JVM that was killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_py4j_is_silent_about_a_jvm_that_is_gone_and_others_are_not(
    hung_up: int, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.silence()

    with caplog.at_level(logging.INFO):
        assert GatewayClient(port=hung_up).send_command("x\n") == ERROR
        logging.getLogger("py4j.clientserver").error("no")
        logging.getLogger("others").info("yes")

    assert [record.message for record in caplog.records] == ["yes"]
