"""The documentation lists the keys that there are."""

from streaming.store import keys
from tests.harness import ROOT


def test_the_documentation_has_each_key_with_its_type_and_content() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    _, _, section = text.partition("## Redis keys")
    listed = section.split("|---|---|---|\n")[1].split("\n\n")[0].splitlines()
    assert listed == [f"| `{name}` | {kind} | {content} |" for name, kind, content in keys.table()]
