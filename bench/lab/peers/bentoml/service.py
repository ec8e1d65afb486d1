"""BentoML with adaptive batching: an endpoint for each model."""

from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType
from onnx_model import OnnxModel

Rows = Annotated[np.ndarray, DType("float32")]
batched = bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=10_000)


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Models:
    def __init__(self) -> None:
        self._mlp = OnnxModel("mlp")
        self._wide = OnnxModel("wide")

    @batched
    def mlp(self, rows: Rows) -> Rows:
        return self._mlp(rows)

    @batched
    def wide(self, rows: Rows) -> Rows:
        return self._wide(rows)
