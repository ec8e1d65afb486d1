"""What every peer runs: ONNX Runtime with one thread a session, on the files that Sluice serves."""

import os

import numpy as np
import onnxruntime

NAMES = ("mlp", "wide")


class OnnxModel:
    def __init__(self, name: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        path = os.path.join(os.environ["SLUICE_MODELS"], name, "1", "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.width: int = self._session.get_inputs()[0].shape[1]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self._session.run(None, {"input": rows})[0]
