"""Where a bundle comes from and what it must consist of; its bytes' SHA-256 is the bundle's digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Self

from features.encode import FeatureSpec
from features.errors import BundleError
from features.matrix import Feature
from models.outcome import ContinuousOutcome
from models.response import ResponseModel
from models.strict import from_bytes, sha256, to_bytes

FORMAT = 1


@dataclass(frozen=True)
class Provenance:
    """How a model came to be. `created` is passed in (ISO 8601), so that retraining gives the same bytes.

    `study_text` is the study's TOML, `metrics` any JSON of figures, `versions` package to version,
    `trained_on` a sentence that names the cohort, its source and its terms.
    """

    study: str
    study_text: str
    cohort_fingerprint: str
    n_patients: int
    splits_sha256: str
    versions: Mapping[str, str]
    git_commit: str
    seed: int
    created: str
    trained_on: str
    metrics: Mapping[str, object] = field(default_factory=dict)

    @property
    def study_sha256(self) -> str:
        """SHA-256 of the study's text."""
        return sha256(self.study_text.encode())


@dataclass(frozen=True)
class Manifest:
    """Provenance, what the model reads and answers, how its parts fit together, and its files' digests."""

    provenance: Provenance
    outcome: ContinuousOutcome
    spec: FeatureSpec
    catalog: tuple[Feature, ...]
    absent: tuple[str, ...]
    strata: str
    masks: tuple[tuple[str, ...], ...]
    weights: Mapping[str, float]
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: ResponseModel, provenance: Provenance) -> Self:
        """The manifest of a model that is not written yet."""
        kinds = [member.kind for member in model.blend.members]
        if sorted(kinds) != ["linear", "trees"]:
            raise BundleError("a bundle carries one linear and one trees member; found: " + ", ".join(kinds))
        weights = dict(zip(kinds, model.blend.weights, strict=True))
        spec, parts = model.spec, (model.absent, model.strata, model.masks)
        return cls(provenance, model.outcome, spec, model.features, *parts, weights)

    def with_files(self, files: Mapping[str, str]) -> Self:
        """The same manifest, naming these files by their SHA-256."""
        return replace(self, files=dict(files))

    def to_bytes(self) -> bytes:
        """Canonical JSON, sealed by a digest of itself so that no changed byte goes unseen."""
        data = self.to_json()
        return to_bytes({**data, "seal": sha256(to_bytes(data))})

    def to_json(self) -> dict[str, object]:
        """Plain data, without the seal."""
        provenance = {f.name: getattr(self.provenance, f.name) for f in fields(self.provenance)}
        return {
            "format": FORMAT,
            **provenance,
            "study_sha256": self.provenance.study_sha256,
            "outcome": asdict(self.outcome),
            "spec": self.spec.to_json(),
            "catalog": [asdict(feature) for feature in self.catalog],
            "model": {
                "absent": list(self.absent),
                "strata": self.strata,
                "masks": [list(mask) for mask in self.masks],
                "weights": dict(self.weights),
            },
            "files": dict(self.files),
        }

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The manifest that `raw` spells; refused unless it is, byte for byte, what we would write."""
        data = from_bytes(raw, "manifest.json")
        if data.get("format") != FORMAT:
            raise BundleError(
                f"manifest.json: this version reads bundle format {FORMAT}, and found another; "
                "retrain with rxplain fit"
            )
        try:
            manifest = cls._from_json(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError("manifest.json lacks fields or has unknown ones; " + _REMEDY) from error
        if manifest.to_bytes() != raw:
            raise BundleError("manifest.json does not carry its own seal; it was altered; " + _REMEDY)
        return manifest

    @classmethod
    def _from_json(cls, data: dict) -> Self:
        model = data["model"]
        return cls(
            Provenance(**{f.name: data[f.name] for f in fields(Provenance)}),
            ContinuousOutcome(**data["outcome"]),
            FeatureSpec.from_json(data["spec"]),
            tuple(Feature(**feature) for feature in data["catalog"]),
            tuple(model["absent"]),
            model["strata"],
            tuple(tuple(mask) for mask in model["masks"]),
            model["weights"],
            data["files"],
        )


_REMEDY = "fetch the bundle again from the registry, or retrain with rxplain fit"
