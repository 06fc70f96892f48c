"""What `rxplain recalibrate` shows of an adapted model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from training.cli_views import grid, next_step
from training.recalibrate import Recalibrated


@dataclass(frozen=True)
class RecalibratedView:
    """An adapted model, what was changed, and what it gains."""

    done: Recalibrated

    def document(self) -> object:
        """Digests, the shift and scale of the margin, the prior, and the local patients' mean loss."""
        return asdict(self.done)

    def table(self) -> RenderableType:
        """What was changed, and what to type next."""
        done, gain = self.done, self.done.gain
        table = grid("", ">")
        table.add_row("local patients", f"{done.n_local:,}")
        table.add_row("margin = shift + scale x before", f"{done.shift:+.4f}, {done.scale:.4f}")
        sites = f"{done.prior.n_sites} sites" if done.prior.n_sites else "the default"
        told = f"{done.prior.intercept_sd:.3f}, {done.prior.slope_sd:.3f}"
        table.add_row(f"how much sites differ (intercept, slope), from {sites}", told)
        change = f"{gain.before:.3f} to {gain.after:.3f} ({gain.in_errors:+.1f} standard errors)"
        table.add_row("mean loss here, each patient left out", change)
        if done.version is None:
            return Group(table, Text(f"bundle {done.digest[:12]}: {done.folder}"))
        said = f"{done.study}: version {done.version} is the challenger, bundle {done.digest[:12]}."
        return Group(table, Text(said), next_step(f"rxplain promote {done.study} --version {done.version}"))
