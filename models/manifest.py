"""Where a bundle comes from and what it must consist of; its bytes' SHA-256 is the bundle's digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Self

from features.encode import FeatureSpec
from features.errors import BundleError
from features.matrix import Feature
from models.model_set import ModelSet, Question
from models.outcome import Outcome, outcome_from_json, outcome_to_json
from models.strict import from_bytes, sha256, to_bytes

FORMAT = 2


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
    outcomes: tuple[Outcome, ...]
    spec: FeatureSpec
    catalog: tuple[Feature, ...]
    absent: tuple[str, ...]
    strata: str
    masks: Mapping[str, tuple[str, ...]]
    question: Question | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, models: ModelSet, provenance: Provenance) -> Self:
        """The manifest of models that are not written yet."""
        first = models.models[0]
        outcomes = tuple(model.outcome for model in models.models)
        parts = (first.absent, first.strata, first.masks, models.question)
        return cls(provenance, outcomes, models.spec, first.features, *parts)

    @property
    def outcome(self) -> Outcome:
        """The first model's outcome: all there is, or an example of a panel's."""
        return self.outcomes[0]

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
            "outcomes": [outcome_to_json(outcome) for outcome in self.outcomes],
            "spec": self.spec.to_json(),
            "catalog": [asdict(feature) for feature in self.catalog],
            "model": {
                "absent": list(self.absent),
                "strata": self.strata,
                "masks": {name: list(mask) for name, mask in self.masks.items()},
            },
            "question": None if self.question is None else asdict(self.question),
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
        model, question = data["model"], data["question"]
        return cls(
            Provenance(**{f.name: data[f.name] for f in fields(Provenance)}),
            tuple(map(outcome_from_json, data["outcomes"])),
            FeatureSpec.from_json(data["spec"]),
            tuple(Feature(**feature) for feature in data["catalog"]),
            tuple(model["absent"]),
            model["strata"],
            {name: tuple(mask) for name, mask in model["masks"].items()},
            question and Question(question["variable"], tuple(question["options"])),
            data["files"],
        )


_REMEDY = "fetch the bundle again from the registry, or retrain with rxplain fit"
