"""Ray Serve with dynamic batching: two replicas of one deployment that has both models."""

import os
import signal
import sys

import numpy as np
import orjson
import ray
from onnx_model import NAMES, OnnxModel
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

batched = serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)


@serve.deployment(
    num_replicas=2,
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 1},
    logging_config={"enable_access_log": False},
)
class Models:
    def __init__(self) -> None:
        self._models = {name: OnnxModel(name) for name in NAMES}

    @batched
    async def mlp(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        return list(self._models["mlp"](np.stack(rows)))

    @batched
    async def wide(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        return list(self._models["wide"](np.stack(rows)))

    async def __call__(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/")
        predict = {"mlp": self.mlp, "wide": self.wide}[name]
        body = await request.body()
        if request.headers["content-type"] == "application/octet-stream":
            answer = await predict(np.frombuffer(body, dtype=np.float32))
            return Response(answer.tobytes(), media_type="application/octet-stream")
        answer = await predict(np.asarray(orjson.loads(body)["instances"][0], dtype=np.float32))
        text = orjson.dumps({"predictions": [answer]}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(text, media_type="application/json")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ray.init(num_cpus=2, include_dashboard=False, _temp_dir=os.path.abspath("ray"))
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
        serve.run(Models.bind(), route_prefix="/")
        signal.pause()
    finally:
        serve.shutdown()
        ray.shutdown()
