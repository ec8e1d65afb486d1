"""Asks a running Sluice for the tables of make_tabular.py in plain JSON, by V2 and by V1, and compares the answers with what the
models' own libraries predict. One JSON line a model.

Usage: python check_tabular.py ORIGIN FOLDER
"""
import json
import sys
import urllib.error
import urllib.request

import numpy as np

origin, folder = sys.argv[1:3]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(origin + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{error.code} {error.read()[:200].decode(errors='replace')}") from None


def same(name, got, expected):
    if isinstance(np.ravel(np.asarray(expected, dtype=object))[0], str):
        return None if got == expected else f"{name}: other classes"
    got, expected = np.array(got, dtype=np.float64), np.array(expected, dtype=np.float64)
    if got.shape != expected.shape:
        return f"{name}: shape {list(got.shape)} where {list(expected.shape)} was right"
    # Libraries compute in double, exports in single precision.
    close = np.allclose(got, expected, rtol=1e-3, atol=1e-4)
    return None if close else f"{name}: off by {np.abs(got - expected).max():.3g}"


def infer(model, inputs, table, missing):
    tensors = [
        {"name": name, "shape": [len(rows), len(rows[0])], "datatype": inputs[name], "data": holes([cell for row in rows for cell in row], missing)}
        for name, rows in table.items()
    ]
    answer = ask(f"/v2/models/{model}/infer", {"inputs": tensors})
    return {output["name"]: np.array(output["data"], dtype=object).reshape(output["shape"]).tolist() for output in answer["outputs"]}


def predict(model, table, missing):
    names = list(table)
    if len(names) == 1:
        instances = [holes(row, missing) for row in table[names[0]]]
    else:
        # A row is an object with a number or a text for each column.
        instances = [{name: holes(table[name][row], missing)[0] for name in names} for row in range(len(table[names[0]]))]
    predictions = ask(f"/v1/models/{model}:predict", {"instances": instances})["predictions"]
    if not isinstance(predictions[0], dict):
        return {None: predictions}
    return {name: [row[name] for row in predictions] for name in predictions[0]}


def holes(cells, missing):
    return [missing if cell is None else cell for cell in cells]


def check(model, about):
    metadata = ask(f"/v2/models/{model}")
    inputs = {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]}
    problems = []
    asked = 0
    for missing in (None, float("nan")):
        for answer in (infer(model, inputs, about["table"], missing), predict(model, about["table"], missing)):
            asked += 1
            found = [
                problem
                for name, expected in about["expected"].items()
                if (problem := same(name, answer.get(name, answer.get(None)), expected)) is not None
            ]
            problems += found
    return {"model": model, "note": about["note"], "asked": asked, "right": asked - min(asked, len(problems)), "problems": problems[:3]}


with open(f"{folder}/tabular.json") as file:
    cases = json.load(file)
for name, about in cases.items():
    try:
        result = check(name, about)
    except (RuntimeError, KeyError, TypeError) as error:
        result = {"model": name, "note": about["note"], "asked": 4, "right": 0, "problems": [f"{type(error).__name__}: {error}"]}
    print(json.dumps(result), flush=True)
