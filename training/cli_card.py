"""`rxplain card`: the model card of a registered version, as a page and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from features.errors import BundleError
from training.cli_arguments import AsJson
from training.home import home_folder


@dataclass(frozen=True)
class Written:
    """A card that was written, or checked and written."""

    study: str
    version: int
    paths: tuple[Path, ...]
    checked: bool

    def document(self) -> object:
        """Where the files are, and whether the XML was held against its schema."""
        return {
            "study": self.study,
            "version": self.version,
            "files": [str(path) for path in self.paths],
            "valid": True if self.checked else None,
        }

    def table(self) -> RenderableType:
        """The files, one a line."""
        said = [f"{self.study} version {self.version}", *(f"  {path}" for path in self.paths)]
        return Text("\n".join([*said, *(["  card.xml is valid by its schema"] if self.checked else [])]))


def card(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A registered study's name.")],
    version: Annotated[
        int | None, typer.Option(help="A version, else the champion, else the newest.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the files go, else under RXPLAIN_HOME/cards.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Hold card.xml against its schema.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a version's model card as card.html, card.json and card.xml."""
    from training.cli_views import tell
    from training.model_card.registered import write_registered_card

    home = home_folder()
    chosen, paths = write_registered_card(home, study, version, out)
    if check:
        from training.model_card.validity import schema_faults

        faults = schema_faults(paths[-1].read_text(encoding="utf-8"))
        if faults:
            raise BundleError(f"{len(faults)} faults in the card of '{study}'", faults)
    tell(Written(study, chosen, paths, check), as_json)
