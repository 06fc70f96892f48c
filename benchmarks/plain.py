"""The plain way that tutorials show: a pandas row, a scikit-learn pipeline, a TreeExplainer per request."""

from __future__ import annotations

import json
import re

import lightgbm
import numpy as np
import pandas as pd
import shap
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from starlette.types import Receive, Scope, Send

from features.encode import FeatureSpec, encode
from features.readers.document import read_documents
from features.synthetic import synthetic_cohort
from models.bundle import load
from models.members import TreeMember
from models.shelf import Shelf
from serving.body import read_json
from serving.guard import send_whole
from serving.settings import Settings

_SETTINGS = Settings()
_N_TRAINING = 4_000


class PlainEndpoint:
    """POST /plain: as many trees, leaves and features as the served model, answered the plain way."""

    def __init__(self, spec: FeatureSpec, n_trees: int, n_leaves: int) -> None:
        self._spec = spec
        cohort = synthetic_cohort(_N_TRAINING, seed=0)
        dose = cohort.outcome("weekly_dose")
        known = ~np.isnan(dose)
        table = pd.DataFrame(encode(cohort, spec).values[known], columns=list(spec.names))
        booster = lightgbm.LGBMRegressor(n_estimators=n_trees, num_leaves=n_leaves, n_jobs=1, verbosity=-1)
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self._pipeline = make_pipeline(imputer.set_output(transform="pandas"), booster)
        self._pipeline.fit(_named(table), np.sqrt(dose[known]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = await read_json(scope, receive, _SETTINGS)
        cohort = read_documents([document["patient"]])
        row = pd.DataFrame(encode(cohort, self._spec).values, columns=list(self._spec.names))
        answer = json.dumps(self._answer(_named(row)))
        await send_whole(send, 200, answer.encode(), b"application/json")

    def _answer(self, row: pd.DataFrame) -> dict[str, object]:
        value = float(self._pipeline.predict(row)[0] ** 2)
        explainer = shap.TreeExplainer(self._pipeline[-1])
        contributions: NDArray[np.float64] = explainer.shap_values(self._pipeline[:-1].transform(row))
        return {
            "value": value,
            "contributions": dict(zip(self._spec.names, contributions[0].tolist(), strict=True)),
        }


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """LightGBM refuses some characters that stand in our names."""
    return table.set_axis([f"f{i}" for i in range(table.shape[1])], axis=1)


def endpoint(study: str) -> PlainEndpoint:
    """The plain way with the features, trees and leaves of the study's champion."""
    settings = Settings.from_environment()
    entry = Shelf(settings.home).champions()[study]
    model = load(entry.folder, entry.digest).model
    trees = next(member for member in model.blend.members if isinstance(member, TreeMember))
    n_trees = trees.model_text.count("\nTree=")
    n_leaves = max(int(n) for n in re.findall(r"^num_leaves=(\d+)$", trees.model_text, re.MULTILINE))
    return PlainEndpoint(model.spec, n_trees, n_leaves)
