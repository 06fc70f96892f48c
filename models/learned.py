"""What was learned, as a bundle's plain files: members, boosters, uncertainty and domain, and back again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.errors import BundleError
from models.applicability import Applicability
from models.blend import Blend
from models.calibration import CalibrationBand
from models.conformal import ConformalScores
from models.manifest import Manifest
from models.members import LinearMember, Member, TreeMember, absent_fill
from models.model_set import ModelSet
from models.outcome import BinaryOutcome, Outcome
from models.response import ResponseModel, Uncertainty
from models.strict import from_bytes, to_bytes

_FULL = "full"


def write(models: ModelSet) -> dict[str, bytes]:
    """The files by name: `members.json`, `boosters.json`, `conformal.json`, `applicability.json`."""
    boosters: dict[str, str] = {}
    members = {
        model.outcome.drug: {
            name: _blend_to_json(blend, boosters)
            for name, blend in {_FULL: model.blend, **model.without}.items()
        }
        for model in models.models
    }
    covariance = None if models.covariance is None else models.covariance.tolist()
    return {
        "members.json": to_bytes({"models": members, "covariance": covariance}),
        "boosters.json": to_bytes(boosters),
        "conformal.json": to_bytes({m.outcome.drug: m.conformal.to_json() for m in models.models}),
        "applicability.json": to_bytes(models.models[0].applicability.to_json()),
    }


def read(manifest: Manifest, contents: Mapping[str, bytes]) -> ModelSet:
    """The models that wrote these files; parts that do not fit the manifest are refused."""
    names = ("members.json", "boosters.json", "conformal.json", "applicability.json")
    members, boosters, conformal, domain = (_object(contents, name) for name in names)
    applicability = Applicability.from_json(domain)
    absent = np.array([name in manifest.absent for name in manifest.spec.names], dtype=bool)
    learned = members["models"]
    drugs = [outcome.drug for outcome in manifest.outcomes]
    if (
        not isinstance(learned, dict)
        or sorted(learned) != sorted(drugs)
        or sorted(conformal) != sorted(drugs)
    ):
        raise BundleError("members.json and conformal.json do not hold exactly the manifest's drugs")
    models = []
    for outcome in manifest.outcomes:
        blends = {
            name: _blend_from_json(data, boosters, absent) for name, data in learned[outcome.drug].items()
        }
        uncertainty = _uncertainty(outcome, conformal[outcome.drug])
        parts = manifest.absent, blends.pop(_FULL), uncertainty, manifest.strata, manifest.masks
        models.append(ResponseModel(outcome, manifest.spec, *parts, applicability, blends))
    if models[0].features != manifest.catalog:
        raise BundleError("this version computes the bundle's features otherwise; retrain with rxplain fit")
    covariance = members["covariance"]
    spread = None if covariance is None else np.array(covariance, dtype=np.float64)
    return ModelSet(tuple(models), manifest.question, spread)


def _object(contents: Mapping[str, bytes], name: str) -> dict:
    return from_bytes(contents[name], name)


def _blend_to_json(blend: Blend, boosters: dict[str, str]) -> dict[str, object]:
    return {
        "shift": blend.shift,
        "weights": list(blend.weights),
        "members": [_member_to_json(member, boosters) for member in blend.members],
    }


def _member_to_json(member: Member, boosters: dict[str, str]) -> dict[str, object]:
    if isinstance(member, LinearMember):
        return {"kind": member.kind, **member.to_json()}
    if not isinstance(member, TreeMember):
        raise BundleError(f"a bundle cannot carry a member of kind '{member.kind}'")
    known = next((name for name, text in boosters.items() if text == member.model_text), None)
    name = known or f"booster-{len(boosters)}"
    boosters[name] = member.model_text
    return {"kind": member.kind, "booster": name}


def _blend_from_json(data: Mapping, boosters: Mapping[str, object], absent: np.ndarray) -> Blend:
    if set(data) != {"shift", "weights", "members"}:
        raise BundleError("members.json: a blend does not hold exactly shift, weights and members")
    members = tuple(_member_from_json(member, boosters, absent) for member in data["members"])
    return Blend(members, tuple(float(weight) for weight in data["weights"]), float(data["shift"]))


def _member_from_json(data: Mapping, boosters: Mapping[str, object], absent: np.ndarray) -> Member:
    rest = {key: value for key, value in data.items() if key != "kind"}
    if data["kind"] == LinearMember.kind:
        return LinearMember.from_json(rest)
    if data["kind"] != TreeMember.kind or set(rest) != {"booster"}:
        raise BundleError("members.json: a member is of no kind known here")
    return TreeMember(str(boosters[rest["booster"]]), absent_fill(len(absent), absent))


def _uncertainty(outcome: Outcome, data: Mapping[str, object]) -> Uncertainty:
    if isinstance(outcome, BinaryOutcome):
        return CalibrationBand.from_json(data)
    return ConformalScores.from_json(data)
