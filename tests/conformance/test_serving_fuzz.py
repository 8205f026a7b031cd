"""Bodies that nobody thought of: never a 5xx, always valid JSON, always within time."""

from __future__ import annotations

import json

import httpx
from conftest import TestModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.serving_process import ServerProcess

NAMES = ("city", "area_m2", "rooms", "balcony", "heating")
FORMS = ("instances", "data", "inputs", "dataframe_split", "input_data", "parameters", "outputs", "id")

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, -0.0]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=12), st.sampled_from(NAMES))
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.one_of(st.sampled_from(NAMES + FORMS), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=20,
)
rows = st.one_of(
    st.fixed_dictionaries(dict.fromkeys(NAMES, scalars)),
    st.tuples(*[scalars] * len(NAMES)).map(list),
)
tensor = st.fixed_dictionaries(
    {
        "name": st.one_of(st.sampled_from(NAMES), st.text(max_size=4)),
        "shape": st.lists(st.integers(-2, 3), max_size=3),
        "datatype": st.sampled_from(["FP64", "FP32", "INT64", "BOOL", "BYTES", "FP16", "x"]),
        "data": st.lists(st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=4),
    },
    optional={"parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), scalars)},
)
bodies = st.one_of(
    anything,
    st.fixed_dictionaries({"instances": st.lists(rows, max_size=3)}),
    st.fixed_dictionaries(
        {"dataframe_split": st.fixed_dictionaries({"columns": st.just(list(NAMES)), "data": st.lists(rows)})}
    ),
    st.fixed_dictionaries(
        {"inputs": st.lists(tensor, max_size=5)}, optional={"outputs": anything, "id": anything}
    ),
)
PATHS = ("/invocations", "/score", "/v2/models/model/infer")


def check(answer: httpx.Response) -> None:
    assert answer.status_code in (200, 400, 406, 413, 415), answer.text
    if answer.headers["content-type"] == "application/json":
        body = json.loads(
            answer.text, parse_constant=lambda token: (_ for _ in ()).throw(AssertionError(token))
        )
        assert ("error" in body) == (answer.status_code != 200)


# A fixed seed: a failure here is a failure everywhere.
bounded = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_json_of_any_shape_is_answered_or_refused(mixed_server: ServerProcess) -> None:
    with mixed_server.client() as client:

        @bounded
        @given(body=bodies, path=st.sampled_from(PATHS))
        def run(body: object, path: str) -> None:
            content = json.dumps(body).encode()
            check(client.post(path, content=content, headers={"content-type": "application/json"}))

        run()


def test_bytes_of_any_kind_are_answered_or_refused(mixed_server: ServerProcess) -> None:
    types = ("application/json", "text/csv", "application/jsonlines", "application/octet-stream")
    pieces = st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='0123456789.,-+eE"\n\r truefalsnBI[]{}:', max_size=60).map(str.encode),
    )
    header = {
        "content-type": st.sampled_from(types),
        "accept": st.sampled_from(["*/*", "text/csv", "application/jsonlines", "x", ";;", ","]),
        "inference-header-content-length": st.sampled_from(["0", "2", "60", "-1", "1e3"]),
    }
    with mixed_server.client() as client:

        @bounded
        @given(
            body=pieces,
            headers=st.fixed_dictionaries({}, optional=header),
            path=st.sampled_from(PATHS),
        )
        def run(body: bytes, headers: dict[str, str], path: str) -> None:
            check(client.post(path, content=body, headers=headers))

        run()


def test_the_server_is_well_afterwards(mixed_server: ServerProcess, mixed: TestModel) -> None:
    answer = mixed_server.post("/invocations", {"instances": [mixed.row]})
    assert answer.json()["predictions"][0]["prediction"] == mixed.expected["prediction"]
    assert not mixed_server.events("unexpected_error")
