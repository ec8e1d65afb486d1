"""Makes tabular models as their libraries export them by default, as a repository, and <folder>/tabular.json: of each a table, with
missing values where the model takes them, and what its own library predicts of it.

Usage: python make_tabular.py FOLDER
"""
import json
import os
import sys
import warnings

import numpy as np
import onnx

warnings.filterwarnings("ignore")
folder = sys.argv[1]
cases = {}
rng = np.random.default_rng(5)


def register(name, model, table, expected, note=""):
    """table: values by input, [rows, columns]; expected: values by output."""
    path = os.path.join(folder, name, "1")
    os.makedirs(path, exist_ok=True)
    target = os.path.join(path, "model.onnx")
    if callable(model):
        model(target)
    else:
        onnx.save(model, target)

    def plain(values):
        values = np.asarray(values)
        # A missing value is null; Python's json would write NaN, which the check sends too.
        return [[None if isinstance(cell, float) and np.isnan(cell) else cell for cell in row] for row in values.tolist()]

    outputs = {output: np.asarray(values).tolist() for output, values in expected.items()}
    cases[name] = {"note": note, "table": {name: plain(values) for name, values in table.items()}, "expected": outputs}
    print(name, flush=True)


def safely(name, make):
    try:
        make()
    except Exception as error:  # A library that is missing or too new costs its models only.
        print(f"{name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr, flush=True)


def data(classes=3):
    from sklearn.datasets import make_classification

    x, y = make_classification(400, 8, n_informative=6, n_classes=classes, random_state=2)
    return x.astype(np.float32), y


def with_holes(x):
    holes = x.copy()
    holes[rng.random(x.shape) < 0.15] = np.nan
    return holes


def classifiers():
    from skl2onnx import to_onnx
    from sklearn.ensemble import (
        AdaBoostClassifier,
        ExtraTreesClassifier,
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    for name, estimator, classes, holes in [
        ("sk-logistic", LogisticRegression(), 3, False),
        ("sk-logistic-binary", LogisticRegression(), 2, False),
        ("sk-forest", RandomForestClassifier(20, random_state=1), 3, False),
        ("sk-extra-trees", ExtraTreesClassifier(20, random_state=1), 3, False),
        ("sk-boosting", GradientBoostingClassifier(n_estimators=20), 3, False),
        ("sk-hist-boosting", HistGradientBoostingClassifier(max_iter=20, random_state=1), 3, True),
        ("sk-hist-boosting-binary", HistGradientBoostingClassifier(max_iter=20, random_state=1), 2, True),
        ("sk-ada-boost", AdaBoostClassifier(n_estimators=10, random_state=1), 3, False),
        ("sk-svc", SVC(probability=True, random_state=1), 3, False),
        ("sk-knn", KNeighborsClassifier(), 3, False),
        ("sk-tree", DecisionTreeClassifier(max_depth=5), 3, False),
        ("sk-bayes", GaussianNB(), 3, False),
        ("sk-mlp", MLPClassifier(max_iter=50, random_state=1), 3, False),
        ("sk-scaled", make_pipeline(StandardScaler(), LogisticRegression()), 3, False),
        ("sk-imputed", make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), 2, True),
    ]:

        def one():
            x, y = data(classes)
            given = with_holes(x) if holes else x
            fitted = estimator.fit(given, y)
            model = to_onnx(fitted, x[:1], target_opset={"": 17, "ai.onnx.ml": 3})
            expected = {"output_label": fitted.predict(given[:40]), "output_probability": fitted.predict_proba(given[:40])}
            register(name, model, {"X": given[:40]}, expected, "missing values" if holes else "")

        safely(name, one)
    x, y = data()
    fitted = LogisticRegression().fit(x, np.array(["good", "bad", "ugly"])[y])
    expected = {"output_label": fitted.predict(x[:40]), "output_probability": fitted.predict_proba(x[:40])}
    register("sk-text-labels", to_onnx(fitted, x[:1], target_opset=17), {"X": x[:40]}, expected, "classes with names")


def regressors():
    from skl2onnx import to_onnx
    from sklearn.ensemble import HistGradientBoostingRegressor, IsolationForest, RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    x, y = data()
    for name, estimator, holes in [
        ("sk-linear", LinearRegression(), False),
        ("sk-forest-regression", RandomForestRegressor(20, random_state=1), False),
        ("sk-hist-boosting-regression", HistGradientBoostingRegressor(max_iter=20, random_state=1), True),
    ]:
        given = with_holes(x) if holes else x
        fitted = estimator.fit(given, x[:, 0] * 3 + y)
        expected = {"variable": fitted.predict(given[:40]).reshape(-1, 1)}
        register(name, to_onnx(fitted, x[:1], target_opset={"": 17, "ai.onnx.ml": 3}), {"X": given[:40]}, expected, "missing values" if holes else "")
    fitted = IsolationForest(n_estimators=20, random_state=1).fit(x)
    model = to_onnx(fitted, x[:1], target_opset={"": 17, "ai.onnx.ml": 3})
    register("sk-isolation", model, {"X": x[:40]}, {"label": fitted.predict(x[:40]).reshape(-1, 1)})


def pipelines():
    import pandas
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = 200
    frame = pandas.DataFrame(
        {
            "age": rng.integers(1, 80, rows).astype(np.float32),
            "fare": rng.gamma(2, 20, rows).astype(np.float32),
            "port": rng.choice(["Southampton", "Cherbourg", "Queenstown"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.2, "age"] = np.nan
    y = (frame.fare + rng.normal(0, 10, rows) > 40).astype(int)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([("numbers", numbers, ["age", "fare"]), ("port", OneHotEncoder(), ["port"])])
    fitted = make_pipeline(columns, LogisticRegression()).fit(frame, y)
    types = [("age", FloatTensorType([None, 1])), ("fare", FloatTensorType([None, 1])), ("port", StringTensorType([None, 1]))]
    model = to_onnx(fitted, initial_types=types, target_opset=17)
    table = {name: frame[[name]].to_numpy()[:40] for name in frame.columns}
    expected = {"output_label": fitted.predict(frame[:40]), "output_probability": fitted.predict_proba(frame[:40])}
    register("sk-columns", model, table, expected, "an input a column, numbers and texts, missing values")

    texts = np.array(["a good film", "GOOD fun", "a bad film", "Bad, and long", "so good", "never so bad"] * 5)
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 1, 0, 0, 1, 0] * 5)
    model = to_onnx(fitted, initial_types=[("text", StringTensorType([None, 1]))], target_opset=17)
    expected = {"output_label": fitted.predict(texts[:6]), "output_probability": fitted.predict_proba(texts[:6])}
    register("sk-texts", model, {"text": texts[:6].reshape(-1, 1)}, expected, "a text pipeline")


def boosted_trees():
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, 8]))]
    for classes in (2, 3):
        x, y = data(classes)
        given = with_holes(x)
        suffix = "-binary" if classes == 2 else ""
        fitted = xgboost.XGBClassifier(n_estimators=10).fit(given, y)
        model = onnxmltools.convert_xgboost(fitted, initial_types=types, target_opset=15)
        register(f"xgboost{suffix}", model, {"input": given[:40]}, {"label": fitted.predict(given[:40]), "probabilities": fitted.predict_proba(given[:40])}, "missing values")
        fitted = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(given, y)
        model = onnxmltools.convert_lightgbm(fitted, initial_types=types, target_opset=15)
        register(f"lightgbm{suffix}", model, {"input": given[:40]}, {"label": fitted.predict(given[:40]), "probabilities": fitted.predict_proba(given[:40])}, "missing values")
    x, y = data()
    given = with_holes(x)
    for name, estimator, convert in [
        ("xgboost-regression", xgboost.XGBRegressor(n_estimators=10), onnxmltools.convert_xgboost),
        ("lightgbm-regression", lightgbm.LGBMRegressor(n_estimators=10, verbose=-1), onnxmltools.convert_lightgbm),
    ]:
        fitted = estimator.fit(given, x[:, 0] * 3 + y)
        expected = {"variable": fitted.predict(given[:40]).reshape(-1, 1)}
        register(name, convert(fitted, initial_types=types, target_opset=15), {"input": given[:40]}, expected, "missing values")


def catboost_trees():
    import catboost

    x, y = data()
    given = with_holes(x)
    options = {"iterations": 20, "verbose": False, "allow_writing_files": False}
    fitted = catboost.CatBoostClassifier(**options).fit(given, y)
    expected = {"label": fitted.predict(given[:40]).ravel(), "probabilities": fitted.predict_proba(given[:40])}
    register("catboost", lambda path: fitted.save_model(path, format="onnx"), {"features": given[:40]}, expected, "missing values")
    regressor = catboost.CatBoostRegressor(**options).fit(given, x[:, 0] * 3 + y)
    expected = {"predictions": regressor.predict(given[:40]).reshape(-1, 1)}
    register("catboost-regression", lambda path: regressor.save_model(path, format="onnx"), {"features": given[:40]}, expected, "missing values")


os.makedirs(folder, exist_ok=True)
for make in (classifiers, regressors, pipelines, boosted_trees, catboost_trees):
    safely(make.__name__, make)
with open(os.path.join(folder, "tabular.json"), "w") as file:
    json.dump(cases, file, allow_nan=False)
print(len(cases), "models")
