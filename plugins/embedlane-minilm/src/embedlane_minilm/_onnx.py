"""The model in onnxruntime.

The graph is built here: the weights come as safetensors only. It holds no numbers; they are handed to the
session as they lie in memory, so that nothing of their size is copied or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, final

import attrs
import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper

from embedlane_minilm._bert import EPSILON, HEADS, HIDDEN, load_bert

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from embedlane_minilm._bert import Bert, Dense, Floats, Ids, Layer, Norm

#: Domain of onnxruntime's own operators; its attention is one kernel instead of ten.
_MICROSOFT = "com.microsoft"
#: Operator sets and file version that onnxruntime 1.20 and newer know.
_OPSETS = (("", 20), (_MICROSOFT, 1))
_IR_VERSION = 9


@final
@attrs.frozen(eq=False)
class OnnxBackend:
    """Runs the model with onnxruntime."""

    #: An onnxruntime session of the graph below.
    session: Any
    #: The arrays that the session reads without owning them.
    weights: Sequence[Any] = attrs.field(repr=False)

    def pooled(self, batch: Sequence[Ids]) -> Floats:
        """The mean over each text's last hidden state; texts are padded to the longest of *batch*."""
        shape = (len(batch), max(map(len, batch)))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int32)
        for row, text in enumerate(batch):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        (pooled,) = self.session.run(None, {"ids": ids, "mask": mask})
        return cast("Floats", pooled)


def open_backend(weights: Path, threads: int) -> OnnxBackend:
    """Build the graph and load it."""
    graph = _Graph()
    model = graph.build(load_bert(weights))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait gain nothing here and take the processor from everybody else.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in graph.weights.values()]
    options.add_external_initializers(list(graph.weights), values)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return OnnxBackend(session, values)


@attrs.define
class _Graph:
    """A graph under construction; a value in it is known by its name."""

    #: In the order of execution.
    nodes: list[NodeProto] = attrs.field(factory=list, init=False)
    #: Names of the large arrays, which stay outside.
    weights: dict[str, Floats] = attrs.field(factory=dict, init=False)
    #: The small ones, inside.
    constants: list[TensorProto] = attrs.field(factory=list, init=False)

    def build(self, bert: Bert) -> ModelProto:
        """Build the model from token ids and mask, both (texts, tokens), to pooled states, (texts, 384)."""
        states = self.embedded(bert)
        for layer in bert.layers:
            states = self.encoded(states, layer)
        self.pool(states)
        graph = helper.make_graph(
            self.nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, ["texts", "tokens"]),
            ],
            [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["texts", HIDDEN])],
            [*self.constants, *(_outside(name, array) for name, array in self.weights.items())],
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def embedded(self, bert: Bert) -> str:
        """Words plus positions, normalised."""
        words = self.op("Gather", self.weight(bert.words), "ids")
        tokens = self.op("Shape", "ids", start=1, end=2)
        positions = self.op("Slice", self.weight(bert.positions), self.axes(0), tokens)
        return self.normed(self.op("Add", words, positions), bert.norm)

    def encoded(self, states: str, layer: Layer) -> str:
        """One layer of the encoder."""
        heads = self.op(
            "Attention",
            states,
            self.weight(layer.attention.weight),
            self.weight(layer.attention.bias),
            "mask",
            domain=_MICROSOFT,
            num_heads=HEADS,
        )
        states = self.normed(self.op("Add", self.mapped(heads, layer.joined), states), layer.attention_norm)
        inner = self.op("Gelu", self.mapped(states, layer.up))
        return self.normed(self.op("Add", self.mapped(inner, layer.down), states), layer.norm)

    def pool(self, states: str) -> None:
        """The mean over the tokens that the mask lets through."""
        mask = self.op("Cast", "mask", to=TensorProto.FLOAT)
        masked = self.op("Mul", states, self.op("Unsqueeze", mask, self.axes(2)))
        total = self.op("ReduceSum", masked, self.axes(1), keepdims=0)
        count = self.op("ReduceSum", mask, self.axes(1), keepdims=1)
        self.nodes.append(helper.make_node("Div", [total, count], ["pooled"]))

    def mapped(self, states: str, dense: Dense) -> str:
        """A linear map."""
        return self.op("Add", self.op("MatMul", states, self.weight(dense.weight)), self.weight(dense.bias))

    def normed(self, states: str, norm: Norm) -> str:
        """A layer normalisation."""
        scale, shift = self.weight(norm.scale), self.weight(norm.shift)
        return self.op("LayerNormalization", states, scale, shift, axis=-1, epsilon=EPSILON)

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node and name its output."""
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def weight(self, array: Floats) -> str:
        """Name a large array."""
        name = f"weight{len(self.weights)}"
        self.weights[name] = array
        return name

    def axes(self, axis: int) -> str:
        """Name a list of one number."""
        name = f"axes{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, TensorProto.INT64, [1], [axis]))
        return name


def _outside(name: str, array: Floats) -> TensorProto:
    """Declare an array that the session is given apart; the location is required and never read."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="memory")
    return tensor
