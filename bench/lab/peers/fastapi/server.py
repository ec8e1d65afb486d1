"""The usual hand-made server: FastAPI in front of ONNX Runtime, without batching."""

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from onnx_model import NAMES, OnnxModel

app = FastAPI()
models = {name: OnnxModel(name) for name in NAMES}


# async: a run of one row takes less than a hop to a thread of the pool and back.
@app.post("/models/{name}")
async def predict(name: str, request: Request) -> Response:
    model = models[name]
    body = await request.body()
    if request.headers["content-type"] == "application/octet-stream":
        rows = np.frombuffer(body, dtype=np.float32).reshape(-1, model.width)
        return Response(model(rows).tobytes(), media_type="application/octet-stream")
    rows = np.asarray(orjson.loads(body)["instances"], dtype=np.float32)
    answer = orjson.dumps({"predictions": model(rows)}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(answer, media_type="application/json")
