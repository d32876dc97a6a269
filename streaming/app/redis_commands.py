"""`city-features redis …`: the Redis in use."""

from typing import Annotated

import typer

from streaming.app import tables
from streaming.app.common import Commands, configured, examples
from streaming.store import local_server
from streaming.store.store import connect

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The Redis in use: its URL, a command, stop.",
    epilog=examples("city-features redis cli keys '*'"),
)


@app.command(epilog=examples('redis-cli -u "$(city-features redis url)" ping'))
def url() -> None:
    """Print the URL in use, without a password. Starts the embedded server if it is the one in use."""
    settings = configured()
    typer.echo(
        settings.redis_place if settings.redis_url is not None else local_server.url(settings.redis_dir)
    )


@app.command(
    epilog=examples('city-features redis cli hgetall "São Paulo"'),
    context_settings={"ignore_unknown_options": True},
)
def cli(command: Annotated[list[str], typer.Argument(metavar="COMMAND...")]) -> None:
    """Run one Redis command, as redis-cli would. Nothing needs to be installed for it."""
    store = connect(configured(), retries=1)
    with store.translated():
        tables.reply(store.client.execute_command(*command))


@app.command(epilog=examples("city-features redis stop"))
def stop() -> None:
    """Stop the embedded server. Its data stays and comes back with the next command."""
    settings = configured()
    stopped = local_server.stop(settings.redis_dir)
    typer.echo(f"the server in {settings.redis_dir} {'stopped' if stopped else 'was not running'}")
