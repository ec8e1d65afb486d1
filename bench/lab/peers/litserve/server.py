"""LitServe with batching: decode, batch, predict, unbatch, encode, as its documentation has them."""

import sys

import litserve
import numpy as np
from onnx_model import NAMES, OnnxModel


class Model(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self._model = OnnxModel(self.api_path.removeprefix("/"))

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["input"], dtype=np.float32)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self._model(rows)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict:
        return {"output": output.tolist()}


if __name__ == "__main__":
    apis = [Model(max_batch_size=64, batch_timeout=0.005, api_path=f"/{name}") for name in NAMES]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=2,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
