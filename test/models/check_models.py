"""Asks a running Sluice for every model of a corpus, and compares each answer with ONNX Runtime in this process, which runs each
request alone. One JSON line a model: how many answers were right, by themselves and beside others.

Usage: python check_models.py ORIGIN FOLDER REQUESTS [NAME ...]
       python check_models.py cases FOLDER REQUESTS NAME ...   (writes FOLDER/NAME/cases.json: requests and right answers)
"""
import http.client
import json
import sys
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime

origin, folder, requests = sys.argv[1], sys.argv[2], int(sys.argv[3])
wanted = set(sys.argv[4:])
address = urllib.parse.urlparse(origin)
rng = np.random.default_rng(11)
WORDS = ["the", "Zürich", "", "model", "answers", "42", "naïve", "東京"]
DATATYPES = {
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(string)": ("BYTES", object),
}
FROM_NAME = {"FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "INT64": np.int64, "INT32": np.int32, "BOOL": np.bool_}
local = threading.local()


def draw(kind, shape):
    if kind in ("normal", "half", "double"):
        values = rng.standard_normal(shape) * rng.choice([0.1, 1, 30])
        return np.asarray(values, dtype={"normal": np.float32, "half": np.float16, "double": np.float64}[kind])
    if kind.startswith("ids"):
        return rng.integers(0, int(kind[3:]), shape, dtype=np.int64)
    if kind == "bytes":
        return rng.integers(0, 256, shape, dtype=np.int32)
    if kind == "rate":
        return np.full(shape, 16000, dtype=np.int64)
    if kind == "ones":
        return np.ones(shape, dtype=np.int64)
    if kind == "words":
        return rng.choice(WORDS, shape).astype(object)
    raise ValueError(kind)


def draw_request(inputs, rows, small):
    lengths = {"n": rows}

    def length(axis):
        if isinstance(axis, int):
            return axis
        if axis not in lengths:
            lengths[axis] = int(rng.integers(32, 48) if axis in ("h", "w") else rng.integers(5, 40 if small else 100))
        return lengths[axis]

    return {name: draw(kind, [length(axis) for axis in axes]) for name, (kind, axes) in inputs.items()}


def encode(feeds, types, binary, outputs):
    tensors, tail = [], b""
    for name, value in feeds.items():
        tensor = {"name": name, "shape": list(value.shape), "datatype": types[name]}
        if not binary:
            tensor["data"] = value.ravel().tolist()
        else:
            if types[name] == "BYTES":
                encoded = [text.encode() for text in value.ravel()]
                raw = b"".join(len(text).to_bytes(4, "little") + text for text in encoded)
            else:
                raw = np.ascontiguousarray(value).tobytes()
            tensor["parameters"] = {"binary_data_size": len(raw)}
            tail += raw
        tensors.append(tensor)
    asked = [{"name": name, "parameters": {"binary_data": binary}} for name in outputs]
    head = json.dumps({"inputs": tensors, "outputs": asked}).encode()
    headers = {"content-type": "application/octet-stream" if binary else "application/json"}
    if binary:
        headers["inference-header-content-length"] = str(len(head))
    return head + tail, headers


def decode(response, body):
    split = response.getheader("inference-header-content-length")
    head = json.loads(body if split is None else body[: int(split)])
    offset = 0 if split is None else int(split)
    found = {}
    for output in head["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            data = output["data"]
            dtype = object if output["datatype"] == "BYTES" else FROM_NAME[output["datatype"]]
            array = np.array(data, dtype=dtype)
        else:
            raw = body[offset : offset + size]
            offset += size
            if output["datatype"] == "BYTES":
                texts, at = [], 0
                while at < len(raw):
                    length = int.from_bytes(raw[at : at + 4], "little")
                    texts.append(raw[at + 4 : at + 4 + length].decode())
                    at += 4 + length
                array = np.array(texts, dtype=object)
            else:
                array = np.frombuffer(raw, dtype=FROM_NAME[output["datatype"]])
        found[output["name"]] = array.reshape(output["shape"])
    return found


def ask(model, body, headers):
    for attempt in (1, 2):
        connection = getattr(local, "connection", None)
        if connection is None:
            connection = local.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        try:
            connection.request("POST", f"/v2/models/{model}/infer", body, headers)
            response = connection.getresponse()
            return response, response.read()
        except (http.client.HTTPException, ConnectionError):
            # A connection that idled for too long may close as it is used.
            connection.close()
            local.connection = None
            if attempt == 2:
                raise


def same(expected, got):
    if expected.shape != got.shape:
        return f"shape {list(got.shape)} where {list(expected.shape)} was right"
    if expected.dtype == object or got.dtype == object:
        return None if np.array_equal(expected.astype(str), got.astype(str)) else "other strings"
    if expected.dtype.kind in "iub":
        return None if np.array_equal(expected, got) else "other integers"
    loose = expected.dtype == np.float16
    close = np.allclose(
        got.astype(np.float64), expected.astype(np.float64), rtol=2e-2 if loose else 1e-3, atol=2e-2 if loose else 1e-4, equal_nan=True
    )
    if close:
        return None
    return f"off by {np.nanmax(np.abs(got.astype(np.float64) - expected.astype(np.float64))):.3g}"


def tensor_of(value):
    """A list of maps, as ZipMap makes it, is answered as a tensor of their values."""
    return np.array([list(row.values()) for row in value], dtype=np.float32) if isinstance(value, list) else value


def cases_of(model, about, count, decimals=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(f"{folder}/{model}/1/model.onnx", options, providers=["CPUExecutionProvider"])
    types = {spec.name: DATATYPES[spec.type][0] for spec in session.get_inputs()}
    outputs = [spec.name for spec in session.get_outputs()]
    # Rows of a megabyte, as images have, are few: a run of one takes a second.
    large = any(np.prod([axis for axis in axes if isinstance(axis, int)]) > 250_000 for _, axes in about["inputs"].values())
    cases = []
    for index in range(min(count, 3) if large else count):
        # A tenth is larger than a run may be; a third has one row.
        rows = 1 if large or index % 3 == 0 else int(rng.integers(65, 201)) if index % 10 == 9 else int(rng.integers(2, 12))
        feeds = draw_request(about["inputs"], rows, small=decimals is not None or index % 2 == 0)
        if decimals is not None:
            feeds = {name: value if value.dtype.kind in "OiU" else np.asarray(np.round(value, decimals), dtype=value.dtype) for name, value in feeds.items()}
        expected = dict(zip(outputs, map(tensor_of, session.run(outputs, feeds))))
        cases.append((feeds, expected, index % 2 == 1))
    return types, outputs, cases


def write_cases(model, about, count):
    # Few decimals: the file is read by people and kept in the repository.
    types, _, cases = cases_of(model, about, count, decimals=2)

    def tensors(values):
        return [
            {"name": name, "shape": list(np.shape(value)), "data": [plain(element) for element in np.ravel(value)]}
            for name, value in values.items()
        ]

    def plain(element):
        return element if isinstance(element, str) else float(f"{element:.5g}") if np.issubdtype(type(element), np.floating) else int(element)

    with open(f"{folder}/{model}/cases.json", "w") as file:
        requests = [
            {"inputs": [{**tensor, "datatype": types[tensor["name"]]} for tensor in tensors(feeds)], "outputs": tensors(expected)}
            for feeds, expected, _ in cases
        ]
        json.dump({"independent": about["independent"], "note": about["note"], "requests": requests}, file, separators=(",", ":"), ensure_ascii=False)


def check(model, about):
    types, outputs, cases = cases_of(model, about, requests)
    wrong = []

    def one(case):
        feeds, expected, binary = case
        response, body = ask(model, *encode(feeds, types, binary, outputs))
        if response.status != 200:
            return f"{response.status} {body[:160].decode(errors='replace')}"
        found = decode(response, body)
        for name in outputs:
            problem = same(np.asarray(expected[name]), found[name])
            if problem is not None:
                return f"{name}: {problem}"
        return None

    alone = [one(case) for case in cases]
    with ThreadPoolExecutor(16) as pool:
        beside = list(pool.map(one, cases * 2))
    problems = [problem for problem in alone + beside if problem is not None]
    wrong.extend(problems[:3])
    return {"model": model, "asked": len(alone) + len(beside), "right": len(alone) + len(beside) - len(problems), "problems": wrong}


with open(f"{folder}/corpus.json") as file:
    corpus = json.load(file)
for name, about in corpus.items():
    if wanted and name not in wanted:
        continue
    if about["independent"] is None:
        continue  # Random outputs have no right answer.
    if origin == "cases":
        write_cases(name, about, requests)
        continue
    print(json.dumps(check(name, about)), flush=True)
