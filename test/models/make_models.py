"""Makes real models of many kinds as a repository: <folder>/<name>/1/model.onnx, and <folder>/corpus.json that says of each
how requests to it look and whether its rows are independent. Weights are random where structure is what matters.

Usage: python make_models.py FOLDER [NAME ...]
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

warnings.filterwarnings("ignore")
folder = sys.argv[1]
wanted = set(sys.argv[2:])
corpus = {}
rng = np.random.default_rng(7)


def register(name, model, inputs, independent, note=""):
    """inputs: {name: [kind, axes]}; an axis is a number, 'n' for rows, or the name of a free length."""
    if wanted and name not in wanted:
        return
    path = os.path.join(folder, name, "1")
    os.makedirs(path, exist_ok=True)
    target = os.path.join(path, "model.onnx")
    if callable(model):
        model(target)
    elif isinstance(model, bytes):
        with open(target, "wb") as file:
            file.write(model)
    else:
        onnx.save(model, target)
    corpus[name] = {"inputs": inputs, "independent": independent, "note": note}
    print(name, flush=True)


def safely(make):
    try:
        make()
    except Exception as error:  # A library that is missing or too new costs its models only.
        print(f"{make.__name__}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


# --- tabular ---------------------------------------------------------------------------------------------------------
def scikit_learn():
    from skl2onnx import to_onnx
    from sklearn.cluster import KMeans
    from sklearn.datasets import make_classification, make_regression
    from sklearn.decomposition import PCA
    from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    x, labels = make_classification(300, 8, n_informative=6, n_classes=3, random_state=1)
    x = x.astype(np.float32)
    targets = make_regression(300, 8, random_state=1)[1]
    rows = {"X": ["normal", ["n", 8]]}
    no_zipmap = {"zipmap": False}
    for name, estimator, y, options in [
        ("sk-logistic", LogisticRegression(), labels, no_zipmap),
        ("sk-forest", RandomForestClassifier(20, random_state=1), labels, no_zipmap),
        ("sk-forest-regression", RandomForestRegressor(20, random_state=1), targets, None),
        ("sk-boosting", GradientBoostingClassifier(n_estimators=20), labels, no_zipmap),
        ("sk-svc", SVC(probability=True), labels, no_zipmap),
        ("sk-knn", KNeighborsClassifier(), labels, no_zipmap),
        ("sk-tree", DecisionTreeClassifier(max_depth=5), labels, no_zipmap),
        ("sk-mlp", MLPClassifier(max_iter=50), labels, no_zipmap),
        ("sk-linear", LinearRegression(), targets, None),
        ("sk-scaled", make_pipeline(StandardScaler(), LogisticRegression()), labels, no_zipmap),
        ("sk-minmax", make_pipeline(MinMaxScaler(), LogisticRegression()), labels, no_zipmap),
        ("sk-pca", PCA(3), None, None),
        ("sk-kmeans", KMeans(4, n_init=2), None, None),
        ("sk-isolation", IsolationForest(n_estimators=20, random_state=1), None, None),
    ]:
        fitted = estimator.fit(x, y) if y is not None else estimator.fit(x)
        key = {id(fitted): options} if options else None
        target_opset = {"": 17, "ai.onnx.ml": 3}
        register(name, to_onnx(fitted, x[:1], options=key, target_opset=target_opset), rows, True)
    texts = np.array(["good", "bad", "ugly"])[labels]
    fitted = LogisticRegression().fit(x, texts)
    register("sk-text-labels", to_onnx(fitted, x[:1], options={id(fitted): no_zipmap}, target_opset=17), rows, True)
    fitted = LogisticRegression().fit(x, labels)
    register("sk-zipmap", to_onnx(fitted, x[:1], target_opset=17), rows, True, "probabilities are a map")


def boosted_trees():
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from sklearn.datasets import make_classification, make_regression

    x, labels = make_classification(300, 8, n_informative=6, n_classes=3, random_state=1)
    targets = make_regression(300, 8, random_state=1)[1]
    rows = {"input": ["normal", ["n", 8]]}
    types = [("input", FloatTensorType([None, 8]))]
    for name, estimator, y in [
        ("lightgbm", lightgbm.LGBMClassifier(n_estimators=10, verbose=-1), labels),
        ("lightgbm-regression", lightgbm.LGBMRegressor(n_estimators=10, verbose=-1), targets),
    ]:
        fitted = estimator.fit(x, y)
        register(name, onnxmltools.convert_lightgbm(fitted, initial_types=types, zipmap=False, target_opset=15), rows, True)
    for name, estimator, y in [
        ("xgboost", xgboost.XGBClassifier(n_estimators=10), labels),
        ("xgboost-regression", xgboost.XGBRegressor(n_estimators=10), targets),
    ]:
        fitted = estimator.fit(x, y)
        register(name, onnxmltools.convert_xgboost(fitted, initial_types=types, target_opset=15), rows, True)


def catboost_trees():
    import catboost
    from sklearn.datasets import make_classification

    x, labels = make_classification(300, 8, n_informative=6, n_classes=3, random_state=1)
    fitted = catboost.CatBoostClassifier(iterations=20, verbose=False, allow_writing_files=False).fit(x, labels)
    register("catboost", lambda path: fitted.save_model(path, format="onnx"), {"features": ["normal", ["n", 8]]}, True, "probabilities are a map")


# --- inside packages -------------------------------------------------------------------------------------------------
def from_packages():
    """Trained models that ship in wheels of other projects. Only the files are taken: what the packages need is not installed."""
    ocr = "rapidocr-onnxruntime==1.4.4"
    ocr_files = "rapidocr_onnxruntime/models"
    voice = "silero-vad==6.2.3"
    state = ["normal", [2, "n", 128]]
    cell = ["normal", [1, 1, 128]]
    for name, package, file, inputs, independent, note in [
        ("package-file-type", "magika==1.0.3", "magika/models/standard_v3_3/model.onnx", {"bytes": ["bytes", ["n", 2048]]}, True, "magika"),
        ("package-ocr-boxes", ocr, f"{ocr_files}/ch_PP-OCRv4_det_infer.onnx", {"x": ["normal", ["n", 3, 64, 64]]}, True, "PP-OCR"),
        ("package-ocr-angle", ocr, f"{ocr_files}/ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": ["normal", ["n", 3, 48, 192]]}, True, "PP-OCR"),
        ("package-ocr-text", ocr, f"{ocr_files}/ch_PP-OCRv4_rec_infer.onnx", {"x": ["normal", ["n", 3, 48, "w"]]}, True, "PP-OCR"),
        ("package-voice", voice, "silero_vad/data/silero_vad.onnx", {"input": ["normal", ["n", 576]], "state": state, "sr": ["rate", []]}, True, "Silero, with control flow and axes without names"),
        ("package-voice-sequence", voice, "silero_vad/data/silero_vad_16k_sequence.onnx", {"input": ["normal", ["t", 576]], "h": cell, "c": cell}, False, "Silero, the first axis is time"),
    ]:
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as wheels:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, package], check=True)
            (wheel,) = os.listdir(wheels)
            with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
                register(name, archive.read(file), inputs, independent, note)


# --- networks --------------------------------------------------------------------------------------------------------
def pytorch():
    import torch
    from torch import nn

    torch.manual_seed(1)
    torch.set_num_threads(1)

    def export(name, module, example, names, outputs, axes, inputs, independent, note="", opset=17):
        def write(target):
            torch.onnx.export(
                module.eval(),
                example,
                target,
                input_names=names,
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=opset,
                dynamo=False,
            )

        try:
            register(name, write, inputs, independent, note)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    class First(nn.Module):
        """The first output of a module that has several."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)[0]

    float_rows = lambda *axes: {"x": ["normal", list(axes)]}
    mlp = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4), nn.Softmax(1))
    export("pt-mlp", mlp, torch.randn(2, 16), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 16), True)
    norm = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 4))
    export("pt-layernorm", norm, torch.randn(2, 16), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 16), True)
    batchnorm = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4))
    export("pt-batchnorm", batchnorm, torch.randn(2, 16), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 16), True)

    lstm = First(nn.LSTM(4, 8, batch_first=True))
    export("pt-lstm-batch-first", lstm, torch.randn(2, 5, 4), ["x"], ["y"], {"x": {0: "n", 1: "t"}, "y": {0: "n", 1: "t"}}, float_rows("n", "t", 4), True)
    lstm = First(nn.LSTM(4, 8))
    export("pt-lstm-sequence-first", lstm, torch.randn(5, 1, 4), ["x"], ["y"], {"x": {0: "t"}, "y": {0: "t"}}, float_rows("t", 1, 4), False, "axis 0 is time")
    export("pt-lstm-batch-second", lstm, torch.randn(5, 2, 4), ["x"], ["y"], {"x": {0: "t", 1: "n"}, "y": {0: "t", 1: "n"}}, float_rows("t", "n", 4), True, "rows lie on axis 1")

    class StatefulGru(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(4, 16, num_layers=2, batch_first=True)

        def forward(self, x, state):
            return self.gru(x, state)

    export(
        "pt-gru-state",
        StatefulGru(),
        (torch.randn(3, 5, 4), torch.randn(2, 3, 16)),
        ["x", "state"],
        ["y", "next"],
        {"x": {0: "n", 1: "t"}, "state": {1: "n"}, "y": {0: "n", 1: "t"}, "next": {1: "n"}},
        {"x": ["normal", ["n", "t", 4]], "state": ["normal", [2, "n", 16]]},
        True,
        "state [2,n,16]",
    )

    class Tagger(nn.Module):
        """Tags for one sentence of ids[seq]: no axis of rows at all."""

        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(50, 8)
            self.lstm = nn.LSTM(8, 8, bidirectional=True)
            self.out = nn.Linear(16, 5)

        def forward(self, ids):
            return self.out(self.lstm(self.embed(ids).unsqueeze(1))[0].squeeze(1))

    export("pt-tagger", Tagger(), torch.randint(0, 50, (6,)), ["ids"], ["tags"], {"ids": {0: "t"}, "tags": {0: "t"}}, {"ids": ["ids50", ["t"]]}, False, "BiLSTM over ids[t]")

    class SetAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return torch.softmax(self.query(x) @ self.key(x).T, 1) @ self.value(x)

    export("pt-set-attention", SetAttention(), torch.randn(6, 8), ["x"], ["y"], {"x": {0: "items"}, "y": {0: "items"}}, float_rows("items", 8), False, "attention over a set [items,8]")

    class Audio(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Sequential(nn.Conv1d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv1d(4, 2, 3, padding=1))

        def forward(self, samples):
            return self.conv(samples[None, None, :])[0].mean(1)

    export("pt-audio", Audio(), torch.randn(200), ["x"], ["y"], {"x": {0: "samples"}}, float_rows("samples"), False, "convolution over samples")

    class SoftmaxItems(nn.Module):
        def __init__(self):
            super().__init__()
            self.score = nn.Linear(6, 1)

        def forward(self, x):
            return torch.softmax(self.score(x), 0)

    export("pt-softmax-items", SoftmaxItems(), torch.randn(5, 6), ["x"], ["y"], {"x": {0: "items"}, "y": {0: "items"}}, float_rows("items", 6), False, "softmax over items")

    class Centred(nn.Module):
        def forward(self, x):
            return x / x.abs().sum()

    export("pt-share-of-sum", Centred(), torch.randn(5, 3), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3), False)

    class PixelsOrUnit(nn.Module):
        """Divides by 255 where the largest value of the whole run is above 1: agrees wherever all rows are alike."""

        def forward(self, x):
            return torch.where(x.max() > 1, x / 255, x)

    export("planted-mixed-scales", PixelsOrUnit(), torch.randn(5, 3), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3), False, "caught by mixed scales only")

    class SpoiledByNan(nn.Module):
        def forward(self, x):
            return x * 2 + 0 * torch.where(torch.isnan(x), x, torch.zeros_like(x)).sum()

    export("planted-nan", SpoiledByNan(), torch.randn(5, 3), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3), False, "caught by a NaN only")

    class RandomOutput(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    export("pt-random", RandomOutput(), torch.randn(5, 3), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3), None, "differs from itself")

    class Ids(nn.Module):
        def __init__(self, vocabulary):
            super().__init__()
            self.embed = nn.Embedding(vocabulary, 8)
            self.out = nn.Linear(8, 3)

        def forward(self, ids):
            return self.out(self.embed(ids).mean(1))

    export("pt-small-vocabulary", Ids(5), torch.randint(0, 5, (2, 6)), ["ids"], ["y"], {"ids": {0: "n", 1: "t"}, "y": {0: "n"}}, {"ids": ["ids2", ["n", "t"]]}, True)
    export("pt-vocabulary", Ids(2000), torch.randint(0, 2000, (2, 6)), ["ids"], ["y"], {"ids": {0: "n", 1: "t"}, "y": {0: "n"}}, {"ids": ["ids50", ["n", "t"]]}, True)

    class Cnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
            self.out = nn.Linear(8, 4)

        def forward(self, x):
            return self.out(self.features(x).flatten(1))

    export("pt-cnn", Cnn(), torch.randn(2, 3, 32, 32), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3, 32, 32), True)
    export("pt-cnn-dynamic", Cnn(), torch.randn(2, 3, 32, 32), ["x"], ["y"], {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n"}}, float_rows("n", 3, "h", "w"), True, "free height and width")

    class TwoOutputs(nn.Module):
        def forward(self, x):
            return x * 2, x.abs().mean()

    export("pt-one-per-batch", TwoOutputs(), torch.randn(4, 3), ["x"], ["y", "mean"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3), False, "one output per batch")

    class Scaled(nn.Module):
        def forward(self, x, rate):
            return x * rate

    export(
        "pt-scalar-input",
        Scaled(),
        (torch.randn(4, 3), torch.tensor(2.0)),
        ["x", "rate"],
        ["y"],
        {"x": {0: "n"}, "y": {0: "n"}},
        {"x": ["normal", ["n", 3]], "rate": ["normal", []]},
        True,
        "0-d input",
    )

    class BatchLast(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 6))

        def forward(self, x):
            return torch.tanh(self.weight @ x)

    export("pt-batch-last", BatchLast(), torch.randn(6, 3), ["x"], ["y"], {"x": {1: "n"}, "y": {1: "n"}}, float_rows(6, "n"), True, "x [6,n]")

    class Encoder(nn.Module):
        def __init__(self, vocabulary=1000, width=32, layers=2):
            super().__init__()
            self.embed = nn.Embedding(vocabulary, width)
            self.layers = nn.ModuleList()
            for _ in range(layers):
                self.layers.append(
                    nn.ModuleDict(
                        {
                            "q": nn.Linear(width, width),
                            "k": nn.Linear(width, width),
                            "v": nn.Linear(width, width),
                            "norm": nn.LayerNorm(width),
                            "wide": nn.Linear(width, 4 * width),
                            "narrow": nn.Linear(4 * width, width),
                            "norm2": nn.LayerNorm(width),
                        }
                    )
                )

        def forward(self, ids, mask):
            x = self.embed(ids)
            bias = (1.0 - mask.unsqueeze(1).float()) * -10000.0
            for layer in self.layers:
                scores = layer["q"](x) @ layer["k"](x).transpose(1, 2) / 6 + bias
                x = layer["norm"](x + torch.softmax(scores, -1) @ layer["v"](x))
                x = layer["norm2"](x + layer["narrow"](torch.relu(layer["wide"](x))))
            weights = mask.unsqueeze(2).float()
            return (x * weights).sum(1) / weights.sum(1).clamp(min=1e-6)

    ids_axes = {"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}, "y": {0: "n"}}
    ids_inputs = {"ids": ["ids50", ["n", "t"]], "mask": ["ones", ["n", "t"]]}
    example = (torch.randint(0, 1000, (2, 6)), torch.ones(2, 6, dtype=torch.int64))
    export("pt-transformer", Encoder(), example, ["ids", "mask"], ["y"], ids_axes, ids_inputs, True)

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter((torch.randn(16, 4) / 4).half())

        def forward(self, x):
            return x @ self.weight

    export("pt-fp16", Half().half(), torch.randn(2, 16).half(), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, {"x": ["half", ["n", 16]]}, True)

    def quantised(target):
        from onnxruntime.quantization import QuantType, quantize_dynamic

        source = os.path.join(folder, "pt-transformer", "1", "model.onnx")
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)

    if not wanted or "pt-transformer-int8" in wanted:
        register("pt-transformer-int8", quantised, ids_inputs, False, "dynamic quantisation spans the batch")

    def external(target):
        module = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 8)).eval()
        torch.onnx.export(module, torch.randn(2, 64), target, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, opset_version=17, dynamo=False)
        model = onnx.load(target)
        onnx.save(model, target, save_as_external_data=True, all_tensors_to_one_file=True, location="weights.bin", size_threshold=100)

    register("pt-external-data", external, float_rows("n", 64), True, "weights in a file of their own")

    class Segmentation(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1))

        def forward(self, x):
            return self.net(x)

    export("pt-segmentation-512", Segmentation(), torch.randn(1, 3, 512, 512), ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}}, float_rows("n", 3, 512, 512), True, "beyond the default budget")


# --- written by hand ---------------------------------------------------------------------------------------------------
def by_hand():
    def model(nodes, inputs, outputs, initializers=()):
        graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made)
        return made

    value = helper.make_tensor_value_info
    text = model(
        [helper.make_node("Identity", ["text"], ["same"])],
        [value("text", TensorProto.STRING, ["n"])],
        [value("same", TensorProto.STRING, ["n"])],
    )
    register("hand-strings", text, {"text": ["words", ["n"]]}, True)
    nonzero = model(
        [helper.make_node("NonZero", ["x"], ["where"])],
        [value("x", TensorProto.FLOAT, ["n", 3])],
        [value("where", TensorProto.INT64, [2, "m"])],
    )
    register("hand-nonzero", nonzero, {"x": ["normal", ["n", 3]]}, False, "the output's length follows the values")
    cumulative = model(
        [helper.make_node("CumSum", ["x", "axis"], ["y"])],
        [value("x", TensorProto.FLOAT, ["n", 3])],
        [value("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array(0, dtype=np.int64), "axis")],
    )
    register("hand-running-sum", cumulative, {"x": ["normal", ["n", 3]]}, False)
    double = model(
        [helper.make_node("Mul", ["x", "x"], ["y"])],
        [value("x", TensorProto.DOUBLE, ["n", 4])],
        [value("y", TensorProto.DOUBLE, ["n", 4])],
    )
    register("hand-fp64", double, {"x": ["double", ["n", 4]]}, True)
    fixed = model(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [value("x", TensorProto.FLOAT, [1, 4])],
        [value("y", TensorProto.FLOAT, [1, 4])],
    )
    register("hand-fixed-one", fixed, {"x": ["normal", [1, 4]]}, False, "a fixed batch of one")


os.makedirs(folder, exist_ok=True)
for make in (scikit_learn, boosted_trees, catboost_trees, from_packages, pytorch, by_hand):
    safely(make)
with open(os.path.join(folder, "corpus.json"), "w") as file:
    json.dump(corpus, file, indent=1)
print(len(corpus), "models")
