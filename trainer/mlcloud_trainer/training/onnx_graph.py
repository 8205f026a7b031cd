"""Writes a fitted pipeline as an ONNX graph that computes in float64 throughout.

Converters in circulation answer tree ensembles, kernel machines and imputation in float32, which loses the
tails of probabilities (0.0 where scikit-learn gives 1e-9). The operators used here have float64 kernels in
ONNX Runtime; the tree operator is that of ai.onnx.ml 5
(https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcloud_trainer.manifest import OnnxInput, OnnxLayout, Task
from mlcloud_trainer.training.columns import Column, FloatArray
from mlcloud_trainer.training.onnx_estimators import classify, regress
from mlcloud_trainer.training.pipeline import BOOLEANS, NUMBERS, STRINGS, ColumnGroups
from mlcloud_trainer.training.untyped import library

OPSET, ML_OPSET, IR_VERSION = 18, 5, 9
ML_DOMAIN = "ai.onnx.ml"


@dataclass(kw_only=True)
class Graph:
    """A graph under construction. Names are running numbers, so that equal graphs are equal bytes."""

    nodes: list[Any] = field(default_factory=list[Any])
    initializers: list[Any] = field(default_factory=list[Any])

    def constant(self, array: NDArray[Any]) -> str:
        """A constant tensor; returns its name."""
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(library("onnx.numpy_helper").from_array(np.ascontiguousarray(array), name))
        return name

    def apply(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One operator; returns the name of its output."""
        name = f"value_{len(self.nodes)}" if output is None else output
        domain = ML_DOMAIN if operator in ("LabelEncoder", "TreeEnsemble") else ""
        helper = library("onnx.helper")
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def cast(self, value: str, kind: str) -> str:
        """The value as another tensor type, such as `DOUBLE`."""
        return self.apply("Cast", value, to=getattr(library("onnx").TensorProto, kind))

    def tensor(self, array: NDArray[Any]) -> Any:
        """An attribute that is a tensor."""
        return library("onnx.numpy_helper").from_array(np.ascontiguousarray(array))


def write_onnx(
    pipeline: Any, columns: Sequence[Column], groups: ColumnGroups, task: Task
) -> tuple[bytes, OnnxLayout]:
    """The bytes of `model.onnx` and the tensors it takes and gives.

    Raises:
        NotImplementedError: A parameter of the estimator changes predictions in a way that is not written
        here.
    """
    graph = Graph()
    inputs = _input_tensors(columns)
    prepared = _prepare(graph, pipeline.named_steps["prepare"], groups, inputs)
    estimator = pipeline.named_steps["estimator"]
    if task == "classification":
        probabilities = graph.apply("Identity", classify(graph, estimator, prepared), output="probabilities")
        graph.apply("ArgMax", probabilities, output="label", axis=1, keepdims=0)
        layout = OnnxLayout(inputs=inputs, label="label", probabilities="probabilities")
    else:
        graph.apply("Identity", regress(graph, estimator, prepared), output="value")
        layout = OnnxLayout(inputs=inputs, label="value", probabilities=None)
    return _serialize(graph, layout, len(estimator.classes_) if task == "classification" else 1), layout


def _input_tensors(columns: Sequence[Column]) -> tuple[OnnxInput, ...]:
    numbers = tuple(column.name for column in columns if column.type != "string")
    strings = tuple(column.name for column in columns if column.type == "string")
    tensors: list[OnnxInput] = []
    if numbers:
        name = "numbers" if strings else "features"
        tensors.append(OnnxInput(name=name, datatype="FP64", features=numbers))
    if strings:
        tensors.append(OnnxInput(name="strings", datatype="BYTES", features=strings))
    return tuple(tensors)


def _prepare(graph: Graph, prepare: Any, groups: ColumnGroups, inputs: Sequence[OnnxInput]) -> str:
    """Impute, scale, encode; the columns come out in the order of scikit-learn's ColumnTransformer."""
    steps = prepare.named_transformers_
    parts: list[str] = []
    if groups.numbers or groups.booleans:
        parts.append(_prepare_numbers(graph, steps, groups, inputs[0].name))
    if groups.strings:
        parts += _prepare_strings(graph, steps[STRINGS], inputs[-1].name)
    return parts[0] if len(parts) == 1 else graph.apply("Concat", *parts, axis=1)


def _prepare_numbers(graph: Graph, steps: Any, groups: ColumnGroups, source: str) -> str:
    scaled = [(steps[name], positions) for name, positions in _scaled_groups(groups) if positions]
    order = [position for _, positions in scaled for position in positions]
    place = {position: index for index, position in enumerate(sorted(order))}

    def row(attribute: str, step: str) -> FloatArray:
        values = [
            np.asarray(getattr(group.named_steps[step], attribute), dtype=np.float64) for group, _ in scaled
        ]
        return np.concatenate(values).reshape(1, -1)

    if order != sorted(order):
        source = graph.apply(
            "Gather", source, graph.constant(np.array([place[each] for each in order])), axis=1
        )
    missing = graph.apply("IsNaN", source)
    filled = graph.apply("Where", missing, graph.constant(row("statistics_", "impute")), source)
    centred = graph.apply("Sub", filled, graph.constant(row("mean_", "scale")))
    return graph.apply("Div", centred, graph.constant(row("scale_", "scale")))


def _scaled_groups(groups: ColumnGroups) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return ((NUMBERS, groups.numbers), (BOOLEANS, groups.booleans))


def _prepare_strings(graph: Graph, step: Any, source: str) -> list[str]:
    fill = step.named_steps["impute"].statistics_
    parts: list[str] = []
    for index, categories in enumerate(step.named_steps["encode"].categories_):
        names = [str(category) for category in categories]
        column = graph.apply("Gather", source, graph.constant(np.array([index])), axis=1)
        # The empty text stands for a missing value: it gets the code of the most frequent category.
        code = graph.apply(
            "LabelEncoder",
            column,
            keys_strings=[*names, ""],
            values_int64s=[*range(len(names)), names.index(str(fill[index]))],
            default_int64=-1,
        )
        known = graph.constant(np.arange(len(names), dtype=np.int64).reshape(1, -1))
        parts.append(graph.cast(graph.apply("Equal", code, known), "DOUBLE"))
    return parts


def _serialize(graph: Graph, layout: OnnxLayout, width: int) -> bytes:
    onnx, helper = library("onnx"), library("onnx.helper")
    kinds = {"FP64": onnx.TensorProto.DOUBLE, "BYTES": onnx.TensorProto.STRING}
    inputs = [
        helper.make_tensor_value_info(tensor.name, kinds[tensor.datatype], ["rows", len(tensor.features)])
        for tensor in layout.inputs
    ]
    if layout.probabilities is None:
        outputs = [helper.make_tensor_value_info(layout.label, onnx.TensorProto.DOUBLE, ["rows", 1])]
    else:
        outputs = [
            helper.make_tensor_value_info(layout.label, onnx.TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info(layout.probabilities, onnx.TensorProto.DOUBLE, ["rows", width]),
        ]
    body = helper.make_graph(graph.nodes, "model", inputs, outputs, initializer=graph.initializers)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(
        body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mlcloud-trainer"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
