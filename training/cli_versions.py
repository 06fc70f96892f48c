"""`rxplain history`, `compare` and `shadow`: how champions came to be, and how versions differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from training.cli_arguments import AsJson, StudyName
from training.home import home_folder

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from models.registry import StudyRecord
    from training.monitoring.shadow import Shadow, ShadowOption
    from training.side_by_side import Differing, SideBySide

_MOST = 20


def history(study: StudyName, as_json: AsJson = False) -> None:
    """Tell who made which version the champion, when and why, and what it was held against."""
    from models.registry import Registry
    from training.cli_views import tell

    tell(_History(Registry(home_folder()).show(study)), as_json)


def compare(
    study: StudyName,
    a: Annotated[int, typer.Option("--a", help="A version.")],
    b: Annotated[int, typer.Option("--b", help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Lay two versions side by side: figures, features, settings, answers to golden patients."""
    from training.cli_views import tell
    from training.side_by_side import side_by_side

    tell(_Compared(side_by_side(home_folder(), study, a, b)), as_json)


def shadow(
    study: StudyName,
    tolerance: Annotated[
        float | None, typer.Option(help="A change that matters, else the change plan's.", min=0.0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let champion and challenger answer the prediction log's patients, and tell how they differ."""
    from training.cli_views import tell
    from training.monitoring.shadow import shadow as shadowed

    tell(_Shadowed(shadowed(home_folder(), study, tolerance)), as_json)


@dataclass(frozen=True)
class _History:
    record: StudyRecord

    def document(self) -> object:
        """One entry a change, oldest first."""
        return [asdict(event) for event in self.record.history]

    def table(self) -> RenderableType:
        """One change after the other, each in a few lines."""
        from rich.console import Group
        from rich.text import Text

        parts = []
        for event in self.record.history:
            before = f", before it version {event.before}" if event.before is not None else ""
            said = "promoted" if event.what == "promote" else "rolled back to"
            parts.append(
                Text(f"{event.when}  {event.who} {said} version {event.version}{before}", style="bold")
            )
            told = {
                "why": event.reason,
                "held against": ", ".join(event.judged),
                "in spite of": ", ".join(event.broken),
                "answers moved": event.explained,
            }
            parts += [Text(f"  {name}: {text}") for name, text in told.items() if text]
        return Group(*parts) if parts else Text(f"{self.record.study}: no version was promoted yet.")


@dataclass(frozen=True)
class _Compared:
    found: SideBySide

    def document(self) -> object:
        """Everything; of golden patients each answer and by how much it moved."""
        found = self.found
        golden = [asdict(own) | {"change": _finite(own.change)} for own in found.golden]
        return asdict(found) | {"golden": golden}

    def table(self) -> RenderableType:
        """Figures, what else differs, and the golden patients whose answers moved most."""
        from rich.console import Group
        from rich.text import Text

        found = self.found
        moved = [own for own in found.golden if own.change > 0.0]
        golden = self._grid("golden patient", "option")
        for own in sorted(moved, key=lambda own: -own.change)[:_MOST]:
            golden.add_row(Text(own.patient), Text(own.option), _number(own.before), _number(own.after))
        features = [
            Text(f"only in version {version}: {', '.join(names[:_MOST])} ({len(names)} features)")
            for version, names in ((found.a, found.only_a), (found.b, found.only_b))
            if names
        ]
        said = f"{len(moved)} of {len(found.golden)} answers to golden patients moved."
        parts = (self._of(found.figures, "figure"), self._of(found.settings, "setting"), *features)
        return Group(*parts, Text(said), *([golden] if moved else []))

    def _of(self, differing: tuple[Differing, ...], heading: str) -> RenderableType:
        from rich.text import Text

        table = self._grid(heading)
        for own in differing:
            table.add_row(Text(own.name), _number(own.a), _number(own.b))
        return table

    def _grid(self, *headings: str) -> Table:
        from training.cli_views import grid

        return grid(*headings, f">version {self.found.a}", f">version {self.found.b}")


@dataclass(frozen=True)
class _Shadowed:
    found: Shadow

    def document(self) -> object:
        """Everything that was found."""
        return asdict(self.found)

    def table(self) -> RenderableType:
        """One row an option, those that moved most first."""
        from rich.console import Group
        from rich.text import Text

        from training.cli_views import grid

        found = self.found
        table = grid("option", ">both answer", ">mean change", ">5% to 95%", ">beyond", ">one declines")
        for own in sorted(found.options, key=lambda own: -(own.mean_absolute or 0.0))[:_MOST]:
            table.add_row(Text(own.option), *_cells(own))
        codes = sorted({(code, share) for own in found.options for code, share in own.notices.items()})
        notices = [Text(f"notice {code}: from one only for {share:.1%}") for code, share in codes[:_MOST]]
        said = (
            f"{found.study}: challenger (version {found.challenger}) minus champion (version "
            f"{found.champion}) on {found.n:,} logged patients; beyond {found.tolerance:g} counts."
        )
        alone = [
            Text(f"only the {who} answers about {', '.join(names)}")
            for who, names in (("champion", found.only_champion), ("challenger", found.only_challenger))
            if names
        ]
        return Group(Text(said), table, *notices, *alone)


def _cells(own: ShadowOption) -> tuple[str, ...]:
    one = own.declined_by_champion_only + own.declined_by_challenger_only
    if own.mean is None or own.quantiles is None or own.beyond is None:
        return f"{own.n_both:,}", "", "", "", f"{one:.1%}"
    ends = f"{own.quantiles[0]:+.3g} to {own.quantiles[-1]:+.3g}"
    return f"{own.n_both:,}", f"{own.mean:+.3g}", ends, f"{own.beyond:.1%}", f"{one:.1%}"


def _finite(number: float) -> float | None:
    return None if number == float("inf") else number


def _number(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
