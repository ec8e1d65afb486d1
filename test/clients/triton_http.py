"""Sluice seen through tritonclient.http and tritonclient.http.aio, unmodified.

Usage: triton_http.py HOST:PORT of a gateway that serves the models `simple` and `langid`.
Runs every check, says which failed and why, and exits 1 if any did.
"""

import asyncio
import os
import sys
import time
import traceback

import numpy as np
import tritonclient.http as sync_http
import tritonclient.http.aio as aio_http
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]
SECRET = os.environ["SLUICE_SECRET"]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def operands(seed, rows=1):
    """Two INT32 tensors that no other seed has."""
    first = np.arange(rows * 16, dtype=np.int32).reshape(rows, 16) + seed
    second = np.full((rows, 16), 3 * seed + 1, dtype=np.int32)
    return first, second


def simple_inputs(api, pair, binary=(True, True)):
    inputs = []
    for name, array, as_bytes in zip(("INPUT0", "INPUT1"), pair, binary):
        tensor = api.InferInput(name, list(array.shape), "INT32")
        tensor.set_data_from_numpy(array, binary_data=as_bytes)
        inputs.append(tensor)
    return inputs


def simple_outputs(api, binary=(True, True)):
    names = ("OUTPUT0", "OUTPUT1")
    return [api.InferRequestedOutput(name, binary_data=as_bytes) for name, as_bytes in zip(names, binary)]


def assert_sums(result, pair):
    first, second = pair
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)


def is_binary(result, name):
    return "binary_data_size" in result.get_output(name).get("parameters", {})


def assert_refused(call, status, *words):
    """The client must raise our own message, with our status."""
    try:
        call()
    except InferenceServerException as error:
        assert_error(error, status, *words)
    else:
        raise AssertionError("nothing was raised")


def assert_error(error, status, *words):
    assert error.status() == str(status), f"status {error.status()}, not {status}: {error}"
    for word in words:
        assert word in error.message(), f"{word!r} is not in {error.message()!r}"


BINARY_CHOICES = [(a, b) for a in (True, False) for b in (True, False)]


@check
def health_and_readiness(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("nonesuch")
    assert not client.is_model_ready("simple", "99")


@check
def server_metadata(client):
    metadata = client.get_server_metadata()
    assert metadata["name"] == "sluice", metadata
    assert metadata["version"], metadata
    assert "binary_tensor_data" in metadata["extensions"], metadata


@check
def model_metadata(client):
    metadata = client.get_model_metadata("simple")
    assert metadata["name"] == "simple" and metadata["versions"] == ["1"], metadata
    for side, names in (("inputs", ["INPUT0", "INPUT1"]), ("outputs", ["OUTPUT0", "OUTPUT1"])):
        assert [tensor["name"] for tensor in metadata[side]] == names, metadata
        assert all(tensor["datatype"] == "INT32" for tensor in metadata[side]), metadata
        assert all(tensor["shape"] == [-1, 16] for tensor in metadata[side]), metadata
    assert client.get_model_metadata("simple", "1") == metadata


@check
def model_config(client):
    config = client.get_model_config("simple")
    assert config["name"] == "simple" and config["max_batch_size"] == 8, config
    assert [(tensor["name"], tensor["data_type"], tensor["dims"]) for tensor in config["input"]] == [
        ("INPUT0", "TYPE_INT32", [16]),
        ("INPUT1", "TYPE_INT32", [16]),
    ], config
    assert client.get_model_config("simple", "1") == config


@check
def infer_json_binary_and_mixed(client):
    for seed, inputs in enumerate(BINARY_CHOICES):
        for outputs in BINARY_CHOICES:
            pair = operands(seed)
            result = client.infer(
                "simple", simple_inputs(sync_http, pair, inputs), outputs=simple_outputs(sync_http, outputs)
            )
            assert_sums(result, pair)
            assert (is_binary(result, "OUTPUT0"), is_binary(result, "OUTPUT1")) == outputs


@check
def infer_without_named_outputs_is_binary(client):
    for inputs in BINARY_CHOICES:
        pair = operands(5)
        result = client.infer("simple", simple_inputs(sync_http, pair, inputs))
        assert_sums(result, pair)
        assert is_binary(result, "OUTPUT0") and is_binary(result, "OUTPUT1")


@check
def infer_one_output_of_two(client):
    pair = operands(6)
    outputs = [sync_http.InferRequestedOutput("OUTPUT1", binary_data=True)]
    result = client.infer("simple", simple_inputs(sync_http, pair), outputs=outputs)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), pair[0] - pair[1])
    assert result.as_numpy("OUTPUT0") is None


@check
def infer_up_to_eight_rows(client):
    for rows in (1, 2, 7, 8):
        pair = operands(rows, rows)
        assert_sums(client.infer("simple", simple_inputs(sync_http, pair), model_version="1"), pair)
    assert_refused(lambda: client.infer("simple", simple_inputs(sync_http, operands(0, 9))), 400, "9 rows", "at most 8")


@check
def request_id_comes_back(client):
    for binary in (True, False):
        given = f'id-"{binary}"-\N{GREEK SMALL LETTER ALPHA}'
        result = client.infer(
            "simple",
            simple_inputs(sync_http, operands(7), (binary, binary)),
            outputs=simple_outputs(sync_http, (binary, binary)),
            request_id=given,
        )
        assert result.get_response()["id"] == given, result.get_response()
    assert "id" not in client.infer("simple", simple_inputs(sync_http, operands(7))).get_response()


@check
def compressed_requests(client):
    for algorithm in ("gzip", "deflate"):
        for inputs in BINARY_CHOICES:
            pair = operands(8)
            result = client.infer(
                "simple", simple_inputs(sync_http, pair, inputs), request_compression_algorithm=algorithm
            )
            assert_sums(result, pair)


@check
def compressed_answers_may_be_asked_for(client):
    for algorithm in ("gzip", "deflate"):
        pair = operands(9)
        result = client.infer("simple", simple_inputs(sync_http, pair), response_compression_algorithm=algorithm)
        assert_sums(result, pair)


@check
def priority_timeout_and_parameters(client):
    pair = operands(10)
    for priority in (0, 1, 9):
        result = client.infer(
            "simple", simple_inputs(sync_http, pair), priority=priority, timeout=5_000_000, parameters={"own": "value"}
        )
        assert_sums(result, pair)
    # A microsecond is over before any model has run.
    started = time.monotonic()
    try:
        client.infer("simple", simple_inputs(sync_http, pair), timeout=1)
    except InferenceServerException as error:
        assert error.status() in ("503", "504"), error
        assert "deadline" in error.message(), error
    else:
        raise AssertionError("answered within a microsecond")
    assert time.monotonic() - started < 5


@check
def headers_and_query_parameters_pass(client):
    pair = operands(11)
    result = client.infer(
        "simple",
        simple_inputs(sync_http, pair),
        headers={"sluice-priority": "1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        query_params={"anything": "here"},
    )
    assert_sums(result, pair)


@check
def async_infer_on_greenlets(client):
    pairs = [operands(seed, 1 + seed % 3) for seed in range(64)]
    with sync_http.InferenceServerClient(ADDRESS, concurrency=16) as pooled:
        handles = [pooled.async_infer("simple", simple_inputs(sync_http, pair)) for pair in pairs]
        for handle, pair in zip(handles, pairs):
            assert_sums(handle.get_result(timeout=60), pair)


@check
def async_infer_reports_errors(client):
    handle = client.async_infer("nonesuch", simple_inputs(sync_http, operands(0)))
    assert_refused(handle.get_result, 404, "nonesuch")


@check
def body_built_and_parsed_by_the_client_alone(client):
    pair = operands(12)
    body, header_length = sync_http.InferenceServerClient.generate_request_body(simple_inputs(sync_http, pair))
    response = client._post(
        "v2/models/simple/infer", body, {"Inference-Header-Content-Length": str(header_length)}, None
    )
    answer_header = response.get("Inference-Header-Content-Length")
    result = sync_http.InferenceServerClient.parse_response_body(
        response.read(), header_length=int(answer_header) if answer_header else None
    )
    assert_sums(result, pair)


SENTENCES = {
    "Bonjour tout le monde, comment allez-vous ?": "fra",
    "The quick brown fox jumps over the lazy dog": "eng",
    "Добрый день, как у вас дела сегодня?": "rus",
    "今日はとても良い天気ですね": "jpn",
}


@check
def text_in_label_out(client):
    texts = np.array([text.encode() for text in SENTENCES], dtype=np.object_)
    for inputs in (True, False):
        for outputs in (True, False):
            tensor = sync_http.InferInput("text", [len(texts)], "BYTES")
            tensor.set_data_from_numpy(texts, binary_data=inputs)
            wanted = [sync_http.InferRequestedOutput(name, binary_data=outputs) for name in ("label", "score")]
            result = client.infer("langid", [tensor], outputs=wanted)
            labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
            assert labels == list(SENTENCES.values()), labels
            scores = result.as_numpy("score")
            assert scores.dtype == np.float32 and scores.shape == (len(texts),), scores
            assert ((scores > 0.5) & (scores <= 1)).all(), scores


def wrong_tensor(api, name, shape, datatype, dtype):
    tensor = api.InferInput(name, shape, datatype)
    tensor.set_data_from_numpy(np.zeros(shape, dtype=dtype))
    return tensor


def wrong_requests(api):
    """Each: model, version, inputs, outputs, status, and words of our message."""
    good = simple_inputs(api, operands(0))
    short = wrong_tensor(api, "INPUT0", [1, 8], "INT32", np.int32)
    flat = wrong_tensor(api, "INPUT0", [16], "INT32", np.int32)
    float_ = wrong_tensor(api, "INPUT0", [1, 16], "FP32", np.float32)
    alien = wrong_tensor(api, "INPUT7", [1, 16], "INT32", np.int32)
    two_rows = wrong_tensor(api, "INPUT1", [2, 16], "INT32", np.int32)
    lying = api.InferInput("INPUT0", [1, 16], "INT32")
    lying.set_data_from_numpy(np.zeros([1, 16], dtype=np.int32))
    lying.set_shape([2, 16])
    missing_output = [api.InferRequestedOutput("OUTPUT7")]
    return {
        "wrong length": ("simple", "", [short, good[1]], None, 400, "INPUT0", "[1,8]", "[-1,16]"),
        "wrong rank": ("simple", "", [flat, good[1]], None, 400, "INPUT0", "[16]"),
        "wrong datatype": ("simple", "", [float_, good[1]], None, 400, "INPUT0", "FP32", "INT32"),
        "unknown input": ("simple", "", [good[0], alien], None, 400, "INPUT7"),
        "missing input": ("simple", "", [good[0]], None, 400, "INPUT1", "missing"),
        "different rows": ("simple", "", [good[0], two_rows], None, 400, "INPUT1", "2 rows"),
        "shape beyond data": ("simple", "", [lying, two_rows], None, 400, "INPUT0", "64 bytes", "[2,16]"),
        "unknown output": ("simple", "", good, missing_output, 400, "OUTPUT7"),
        "unknown model": ("nonesuch", "", good, None, 404, "nonesuch"),
        "unknown version": ("simple", "99", good, None, 404, "simple", "99"),
    }


@check
def wrong_requests_say_what_is_wrong(client):
    for name, (model, version, inputs, outputs, status, *words) in wrong_requests(sync_http).items():
        try:
            assert_refused(
                lambda: client.infer(model, inputs, model_version=version, outputs=outputs), status, *words
            )
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@check
def wrong_questions_say_what_is_wrong(client):
    for ask in (client.get_model_metadata, client.get_model_config):
        assert_refused(lambda: ask("nonesuch"), 404, "nonesuch")
        assert_refused(lambda: ask("simple", "99"), 404, "99")


@check
def what_is_not_offered_is_refused_with_a_message(client):
    assert_refused(client.get_trace_settings, 404, "/v2/trace/setting")


@check
def asyncio_everything(client):
    asyncio.run(everything_on_asyncio())


async def everything_on_asyncio():
    async with aio_http.InferenceServerClient(ADDRESS) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("simple") and not await client.is_model_ready("nonesuch")
        assert (await client.get_server_metadata())["name"] == "sluice"
        assert (await client.get_model_metadata("simple"))["versions"] == ["1"]
        assert (await client.get_model_config("simple"))["max_batch_size"] == 8
        for inputs in BINARY_CHOICES:
            for outputs in BINARY_CHOICES:
                pair = operands(20)
                result = await client.infer(
                    "simple",
                    simple_inputs(aio_http, pair, inputs),
                    outputs=simple_outputs(aio_http, outputs),
                    request_id="of-asyncio",
                )
                assert_sums(result, pair)
                assert result.get_response()["id"] == "of-asyncio"
        for algorithm in ("gzip", "deflate"):
            pair = operands(21)
            result = await client.infer(
                "simple",
                simple_inputs(aio_http, pair),
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            assert_sums(result, pair)
        for name, (model, version, inputs, outputs, status, *words) in wrong_requests(aio_http).items():
            try:
                await client.infer(model, inputs, model_version=version, outputs=outputs)
            except InferenceServerException as error:
                assert_error(error, status, *words)
            else:
                raise AssertionError(f"{name}: nothing was raised")


@check
def model_repository(client):
    secret = {"Authorization": "Bearer " + SECRET}
    index = client.get_model_repository_index()
    assert {"name": "simple", "version": "1", "state": "READY", "reason": ""} in index, index
    assert_refused(lambda: client.unload_model("simple"), 401, "shared secret")
    client.unload_model("simple", headers=secret, unload_dependents=True)
    states = {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}
    assert states["simple"] == "UNAVAILABLE" and states["langid"] == "READY", states
    client.load_model("simple", headers=secret)
    for _ in range(100):
        if client.is_model_ready("simple"):
            break
        time.sleep(0.1)
    pair = operands(7)
    assert_sums(client.infer("simple", simple_inputs(sync_http, pair)), pair)
    assert_refused(lambda: client.load_model("nonesuch", headers=secret), 404, "nonesuch")


@check
def two_hundred_at_once(client):
    asyncio.run(many_on_asyncio(200))


async def many_on_asyncio(count):
    pairs = [operands(100 + seed, 1 + seed % 8) for seed in range(count)]
    async with aio_http.InferenceServerClient(ADDRESS, conn_limit=count) as client:

        async def one(pair, binary):
            return await client.infer(
                "simple", simple_inputs(aio_http, pair, binary), outputs=simple_outputs(aio_http, binary)
            )

        calls = [one(pair, BINARY_CHOICES[index % 4]) for index, pair in enumerate(pairs)]
        for result, pair in zip(await asyncio.gather(*calls), pairs):
            assert_sums(result, pair)


def main():
    failed = []
    for function in CHECKS:
        started = time.monotonic()
        try:
            # A client of its own: what one check breaks on a connection, no other sees.
            with sync_http.InferenceServerClient(ADDRESS, concurrency=4) as client:
                function(client)
            print(f"ok      {function.__name__} ({(time.monotonic() - started) * 1000:.0f} ms)", flush=True)
        except Exception:
            failed.append(function.__name__)
            print(f"FAILED  {function.__name__}", flush=True)
            print("        " + traceback.format_exc().rstrip().replace("\n", "\n        "), flush=True)
    print(f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


main()
