"""A manifest and its ONNX file: either they match, or an error names the wrong field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.models.manifest import (
    Calibration,
    InputSpec,
    LevelThresholds,
    Manifest,
    ManifestError,
    OutputSpec,
    UnknownRule,
)
from carlens.models.session import OnnxModel
from carlens.vision.detector import Detector
from tests.models_support import CLASSIFY, DETECT, OPTIONS, Tensor

Shape = Sequence[int | str]

# The shapes, without the batch, that match DETECT and CLASSIFY of models_support.
BOXES_AND_SCORES = {"boxes": (7, 4), "scores": (7, 4)}
LOGITS = {"logits": (4,)}


def onnx_file(
    outputs: Mapping[str, tuple[int, ...]],
    *,
    name: str = "image",
    shape: Shape = ("n", 100, 100, 3),
    takes: int = TensorProto.FLOAT,
    gives: int = TensorProto.FLOAT,
    batch_inside: int | None = None,
) -> bytes:
    """Build a model whose outputs, of these shapes, are filled with the mean of each picture.

    `batch_inside` is the batch size that the graph requires, whatever the file declares.
    """
    nodes = [
        helper.make_node("Cast", [name], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["pixels"], ["flat"]),
        helper.make_node("ReduceMean", ["flat", "last"], ["mean"], keepdims=0),
    ]
    constants = {"last": np.array([1], np.int64)}
    for output, sides in outputs.items():
        batch = -1 if batch_inside is None else batch_inside
        constants[f"{output}.column"] = np.array([batch] + [1] * len(sides), np.int64)
        constants[f"{output}.zeros"] = np.zeros((1, *sides), np.float32)
        nodes += [
            helper.make_node("Reshape", ["mean", f"{output}.column"], [f"{output}.mean"]),
            helper.make_node("Add", [f"{output}.mean", f"{output}.zeros"], [f"{output}.full"]),
            helper.make_node("Cast", [f"{output}.full"], [output], to=gives),
        ]
    graph = helper.make_graph(
        nodes,
        "made-up",
        [helper.make_tensor_value_info(name, takes, list(shape))],
        [
            helper.make_tensor_value_info(n, gives, [None] * (1 + len(sides)))
            for n, sides in outputs.items()
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def load(manifest: Manifest, weights: bytes, threads: int = 1) -> OnnxModel:
    return OnnxModel(manifest, weights, threads=threads)


def refusal(manifest: Manifest, weights: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        load(manifest, weights)
    return str(caught.value)


def with_input(manifest: Manifest, **changes: Any) -> Manifest:
    return replace(manifest, input=replace(manifest.input, **changes))


def with_output(manifest: Manifest, **changes: Any) -> Manifest:
    return replace(manifest, output=replace(manifest.output, **changes))


def pictures(count: int, spec: InputSpec = DETECT.input) -> Tensor:
    rng = np.random.default_rng(count)
    return rng.random((count, spec.height, spec.width, 3), np.float32)


# --- matching files ---


def test_outputs_come_in_the_order_of_the_manifest() -> None:
    # Given a file with one more output, and a manifest in another order
    weights = onnx_file({"scores": (7, 4), "features": (2, 2), "boxes": (7, 4)})
    model = load(with_output(DETECT, names=("boxes", "scores")), weights)

    # When
    batch = pictures(1)
    boxes, scores = model.run(batch)

    # Then
    assert boxes.shape == scores.shape == (1, 7, 4)
    assert boxes.dtype == np.float32
    np.testing.assert_allclose(boxes, np.full((1, 7, 4), batch.mean()), rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_model_of_a_fixed_batch_gives_the_same_results_as_one_of_any_batch(count: int) -> None:
    # Given the same model exported twice
    fixed = load(DETECT, onnx_file(BOXES_AND_SCORES, shape=(1, 100, 100, 3), batch_inside=1))
    free = load(DETECT, onnx_file(BOXES_AND_SCORES, shape=("n", 100, 100, 3)))
    assert (fixed.batches, free.batches) == (False, True)

    # When both process the same pictures
    batch = pictures(count)
    by_one, at_once = fixed.run(batch), free.run(batch)

    # Then each picture has its own result, the same from both, and only one model ran a batch
    assert (fixed.batches, free.batches) == (False, True)
    for one, all_ in zip(by_one, at_once, strict=True):
        assert one.shape == all_.shape == (count, 7, 4)
        np.testing.assert_array_equal(one, all_)
        np.testing.assert_allclose(one[:, 0, 0], batch.mean(axis=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("sides", [(100, 100), ("height", "width"), (100, "width")])
def test_a_file_may_leave_its_sides_open(sides: tuple[int | str, int | str]) -> None:
    load(DETECT, onnx_file(BOXES_AND_SCORES, shape=("n", *sides, 3)))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_are_as_configured(threads: int) -> None:
    model = load(CLASSIFY, onnx_file(LOGITS, shape=("n", 20, 20, 3)), threads)

    options = model.options

    assert options.intra_op_num_threads == threads
    assert options.inter_op_num_threads == 1


def test_options_are_the_fastest_measured() -> None:
    options = load(CLASSIFY, onnx_file(LOGITS, shape=("n", 20, 20, 3))).options

    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_cpu_mem_arena
    assert not options.enable_mem_pattern
    assert options.execution_mode == ort.ExecutionMode.ORT_SEQUENTIAL
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL


# --- files that do not match ---


def test_bytes_that_are_not_a_model_are_refused() -> None:
    whole = onnx_file(BOXES_AND_SCORES)

    for weights in (b"", b"a picture?", b"\0" * 1000, whole[:-20], whole[: len(whole) // 2]):
        assert "made-up: model.onnx is not an ONNX model" in refusal(DETECT, weights)


def test_a_wrong_input_name_is_refused() -> None:
    weights = onnx_file(BOXES_AND_SCORES, name="images")

    assert refusal(DETECT, weights) == ("made-up: input.name is 'image', but the file has images")


def test_a_file_with_more_inputs_than_the_picture_is_refused() -> None:
    model = onnx.load_from_string(onnx_file(BOXES_AND_SCORES))
    model.graph.input.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, [1]))

    message = refusal(DETECT, model.SerializeToString())

    assert message.startswith("made-up: input.name")
    assert "size" in message


@pytest.mark.parametrize(
    ("changes", "shape", "field"),
    [
        ({"layout": "NCHW"}, ("n", 100, 100, 3), "layout"),
        ({}, ("n", 3, 100, 100), "height"),  # so the height is 3
        ({"height": 64}, ("n", 100, 100, 3), "height"),
        ({"width": 64}, ("n", 100, 100, 3), "width"),
        ({"layout": "NCHW", "width": 64}, ("n", 3, 100, 100), "width"),
        ({"layout": "NCHW", "height": 64}, ("n", 3, 100, 100), "height"),
        ({"layout": "NCHW"}, ("n", 1, 100, 100), "layout"),
        ({}, ("n", 100, 100, 4), "layout"),
        ({}, ("n", 100, 100), "layout"),
        ({}, ("n", 30000), "layout"),
        ({}, ("n", 1, 100, 100, 3), "layout"),
    ],
)
def test_a_picture_of_another_shape_is_refused(
    changes: dict[str, Any], shape: Shape, field: str
) -> None:
    weights = onnx_file(BOXES_AND_SCORES, shape=shape)

    message = refusal(with_input(DETECT, **changes), weights)

    assert message.startswith(f"made-up: input.{field} ")


@pytest.mark.parametrize(
    ("takes", "kind"),
    [
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.DOUBLE, "double"),
    ],
)
def test_an_input_that_is_not_float32_is_refused(takes: int, kind: str) -> None:
    message = refusal(DETECT, onnx_file(BOXES_AND_SCORES, takes=takes))

    assert message == f"made-up: input.name: 'image' must be tensor(float), but is tensor({kind})"


@pytest.mark.parametrize("batch", [2, 4])
def test_a_file_of_a_fixed_batch_above_one_is_refused(batch: int) -> None:
    weights = onnx_file(BOXES_AND_SCORES, shape=(batch, 100, 100, 3))

    assert refusal(DETECT, weights).startswith("made-up: input")


def test_a_file_that_wrongly_declares_any_batch_runs_one_by_one() -> None:
    # Given graphs that are hard-wired to one picture, as careless exports are: one fails on two,
    # the other returns the rows of both as if they were of one
    flat = onnx.load_from_string(onnx_file({"logits": (4,)}, shape=("n", 20, 20, 3)))
    flat.graph.node[-1].output[0] = "rows"
    flat.graph.node.append(helper.make_node("Reshape", ["rows", "all"], ["logits"]))
    flat.graph.initializer.append(numpy_helper.from_array(np.array([1, -1], np.int64), "all"))
    files = [
        (DETECT, onnx_file(BOXES_AND_SCORES, batch_inside=1)),
        (CLASSIFY, flat.SerializeToString()),
    ]
    for manifest, weights in files:
        model = load(manifest, weights)
        spec = manifest.input
        batch = np.stack([np.full((spec.height, spec.width, 3), i, np.float32) for i in range(3)])

        # When several pictures are run at once
        outputs = model.run(batch)

        # Then each has its result all the same
        assert not model.batches
        for output in outputs:
            np.testing.assert_allclose(output.reshape(3, -1)[:, 0], [0, 1, 2], rtol=1e-5)


def test_a_file_that_declares_its_shapes_is_not_run_at_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a file that declares its outputs for a picture
    model = onnx.load_from_string(onnx_file(LOGITS, shape=("n", 20, 20, 3)))
    sides = model.graph.output[0].type.tensor_type.shape.dim
    sides[0].dim_param = "n"

    # Then no picture is run at load, which would cost every cold start as much as a request
    monkeypatch.delattr(OnnxModel, "warm_up")
    load(CLASSIFY, model.SerializeToString())

    # And the declared shape is checked
    with pytest.raises(ManifestError, match="but for one picture it is"):
        load(replace(CLASSIFY, labels=CLASSIFY.labels[1:]), model.SerializeToString())


def undeclared(weights: bytes, rank: int) -> bytes:
    """Take the shapes of the outputs away, in a way that ONNX Runtime cannot infer them."""
    model = onnx.load_from_string(weights)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.ones(rank, np.bool_), "every"))
    for output in graph.output:
        name = output.name
        next(node for node in graph.node if name in node.output).output[0] = f"{name}.raw"
        graph.node.extend(
            [
                helper.make_node("Shape", [f"{name}.raw"], [f"{name}.sides"]),
                helper.make_node("Compress", [f"{name}.sides", "every"], [f"{name}.same"], axis=0),
                helper.make_node("Reshape", [f"{name}.raw", f"{name}.same"], [name]),
            ]
        )
        output.type.tensor_type.ClearField("shape")
    data: bytes = model.SerializeToString()
    assert [node.shape for node in ort.InferenceSession(data).get_outputs()] == [[]] * len(
        graph.output
    )
    return data


def test_a_file_may_leave_the_shapes_of_its_outputs_undeclared() -> None:
    weights = undeclared(onnx_file(BOXES_AND_SCORES), rank=3)

    # When it is tried out, it fits
    boxes, scores = load(DETECT, weights).run(pictures(2))
    assert boxes.shape == scores.shape == (2, 7, 4)

    # And refused by field if it does not fit
    message = refusal(replace(DETECT, labels=DETECT.labels[1:]), weights)
    assert message.startswith("made-up: output.decoder is 'ssd' and labels has 3 classes")


def test_an_output_without_axes_is_refused_by_field() -> None:
    # Given a classifier that gives the sum of its logits
    model = onnx.load_from_string(onnx_file(LOGITS, shape=("n", 20, 20, 3)))
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("ReduceSum", ["rows"], ["logits"], keepdims=0))

    message = refusal(CLASSIFY, undeclared(model.SerializeToString(), rank=0))

    assert message.endswith("should be [n, 4], but for one picture it is []")


SCORED = replace(
    CLASSIFY,
    calibration=Calibration(
        LevelThresholds(make=0.5, model=0.5, name=0.5), unknown=UnknownRule("unknown_score", 1.0)
    ),
)


@pytest.mark.parametrize("sides", [(), (1,)])
@pytest.mark.parametrize("batch", ["n", 1])
def test_the_score_of_unknown_vehicles_comes_after_the_logits(
    sides: tuple[int, ...], batch: int | str
) -> None:
    outputs = {"unknown_score": sides, **LOGITS}
    weights = onnx_file(outputs, shape=(batch, 20, 20, 3), batch_inside=None if batch == "n" else 1)

    logits, scores = load(SCORED, weights).run(pictures(3, CLASSIFY.input))

    assert (logits.shape, scores.shape) == ((3, 4), (3, *sides))
    # And a manifest without the rule does not compute it
    assert len(load(CLASSIFY, weights).run(pictures(1, CLASSIFY.input))) == 1


def test_a_file_without_the_score_of_unknown_vehicles_is_refused_by_field() -> None:
    message = refusal(SCORED, onnx_file(LOGITS, shape=("n", 20, 20, 3)))

    assert message == (
        "made-up: calibration.unknown.output has 'unknown_score', but the file has logits"
    )


@pytest.mark.parametrize("sides", [(2,), (1, 1), (4,)])
@pytest.mark.parametrize("declared", [False, True])
def test_a_score_of_another_shape_is_refused_by_field(
    sides: tuple[int, ...], declared: bool
) -> None:
    weights = onnx_file({**LOGITS, "unknown_score": sides}, shape=("n", 20, 20, 3))
    if declared:
        model = onnx.load_from_string(weights)
        for output in model.graph.output:
            output.type.tensor_type.shape.dim[0].dim_param = "n"
        weights = model.SerializeToString()

    assert refusal(SCORED, weights) == (
        "made-up: calibration.unknown.output: 'unknown_score' should be [n] or [n, 1], "
        f"but for one picture it is {[1, *sides]}"
    )


def test_a_score_that_is_not_float32_is_refused_by_field() -> None:
    model = onnx.load_from_string(onnx_file({**LOGITS, "score": ()}, shape=("n", 20, 20, 3)))
    model.graph.node.append(
        helper.make_node("Cast", ["score"], ["unknown_score"], to=TensorProto.INT64)
    )
    model.graph.output.append(
        helper.make_tensor_value_info("unknown_score", TensorProto.INT64, [None])
    )

    message = refusal(SCORED, model.SerializeToString())

    assert message == (
        "made-up: calibration.unknown.output: 'unknown_score' must be tensor(float), "
        "but is tensor(int64)"
    )


def test_a_wrong_output_name_is_refused() -> None:
    manifest = with_output(DETECT, names=("boxes", "probs"))

    assert refusal(manifest, onnx_file(BOXES_AND_SCORES)) == (
        "made-up: output.names has 'probs', but the file has boxes, scores"
    )


@pytest.mark.parametrize("gives", [TensorProto.FLOAT16, TensorProto.INT64, TensorProto.STRING])
def test_an_output_that_is_not_float32_is_refused(gives: int) -> None:
    message = refusal(DETECT, onnx_file(BOXES_AND_SCORES, gives=gives))

    assert message.startswith(
        "made-up: output.names: 'boxes' must be tensor(float), but is tensor("
    )


def test_an_output_without_one_row_per_picture_is_refused() -> None:
    # Given a classifier with a row of logits for each half of the picture
    weights = onnx_file({"logits": (2, 4)}, shape=("n", 20, 20, 3))
    model = onnx.load_from_string(weights)
    model.graph.node[-1].output[0] = "halves"
    model.graph.node.append(helper.make_node("Reshape", ["halves", "rows"], ["logits"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1, 4], np.int64), "rows"))

    # Then it is refused, because its rows could not be assigned to pictures
    message = refusal(CLASSIFY, model.SerializeToString())
    assert message.startswith("made-up: output.decoder is 'softmax'")
    assert "should be [n, 4], but for one picture it is [2, 4]" in message


def spec(decoder: Any, *names: str, **more: Any) -> OutputSpec:
    return OutputSpec(decoder=decoder, names=names, **more)


# DETECT has 4 labels and takes 100 x 100: strides of 10 and 20 make 100 + 25 points.
@pytest.mark.parametrize(
    ("output", "shapes"),
    [
        (spec("ssd", "a", "b"), {"a": (9, 4), "b": (9, 4)}),
        (spec("nanodet", "a", strides=(10, 20)), {"a": (125, 4 + 32)}),
        (spec("nanodet", "a", strides=(10, 20), reg_max=3), {"a": (125, 4 + 16)}),
        # 100 / 64 is 1.56: the last row and column of points are partly outside.
        (spec("nanodet", "a", strides=(64,)), {"a": (4, 4 + 32)}),
        (spec("yolox", "a", strides=(10, 20)), {"a": (125, 5 + 4)}),
        (spec("yolo", "a"), {"a": (4 + 4, 33)}),
        (spec("detr", "a", "b"), {"a": (30, 5), "b": (30, 4)}),
        (spec("detr", "a", "b", activation="sigmoid"), {"a": (30, 4), "b": (30, 4)}),
    ],
    ids=lambda value: value.decoder if isinstance(value, OutputSpec) else "",
)
def test_the_shapes_of_a_decoder_are_accepted(
    output: OutputSpec, shapes: dict[str, tuple[int, ...]]
) -> None:
    manifest = replace(DETECT, output=output)
    load(manifest, onnx_file(shapes))

    # And with one label too many or too few none of them matches
    for labels in (manifest.labels[1:], (*manifest.labels, "tram")):
        message = refusal(replace(manifest, labels=labels), onnx_file(shapes))
        assert f"labels has {len(labels)} classes" in message
        assert f"output.decoder is {output.decoder!r}" in message


@pytest.mark.parametrize(
    ("output", "shapes"),
    [
        (spec("ssd", "a", "b"), {"a": (9, 5), "b": (9, 4)}),
        (spec("ssd", "a", "b"), {"a": (9, 1, 4), "b": (9, 4)}),
        (spec("nanodet", "a", strides=(10, 20)), {"a": (124, 36)}),
        (spec("nanodet", "a", strides=(10,)), {"a": (125, 36)}),
        (spec("nanodet", "a", strides=(10, 20), reg_max=8), {"a": (125, 36)}),
        (spec("yolox", "a", strides=(10, 20)), {"a": (125, 8)}),
        (spec("yolox", "a", strides=(20, 40)), {"a": (125, 9)}),
        (spec("yolox", "a", strides=(10, 20)), {"a": (9, 125)}),
        (spec("yolo", "a"), {"a": (33, 8)}),
        (spec("yolo", "a"), {"a": (9, 33)}),
        (spec("yolo-end2end", "a"), {"a": (6, 300)}),
        (spec("yolo-end2end", "a"), {"a": (300, 7)}),
        (spec("detr", "a", "b"), {"a": (30, 4), "b": (30, 4)}),
        (spec("detr", "a", "b", activation="sigmoid"), {"a": (30, 5), "b": (30, 4)}),
        (spec("detr", "a", "b"), {"a": (30, 5), "b": (30, 5)}),
    ],
    ids=lambda value: value.decoder if isinstance(value, OutputSpec) else "",
)
def test_other_shapes_are_refused(output: OutputSpec, shapes: dict[str, tuple[int, ...]]) -> None:
    message = refusal(replace(DETECT, output=output), onnx_file(shapes))

    assert message.startswith(f"made-up: output.decoder is {output.decoder!r}")
    assert "labels has 4 classes" in message


@pytest.mark.parametrize("shapes", [{"a": (9, 4), "b": (8, 4)}, {"a": (1, 4), "b": (9, 4)}])
@pytest.mark.parametrize("decoder", ["ssd", "detr"])
def test_boxes_and_scores_of_different_counts_are_refused(
    decoder: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    output = spec(decoder, "a", "b", activation="sigmoid")

    assert refusal(replace(DETECT, output=output), onnx_file(shapes)).startswith("made-up: output")


@pytest.mark.parametrize("classes", [3, 5])
def test_a_classifier_with_other_classes_than_its_labels_is_refused(classes: int) -> None:
    weights = onnx_file({"logits": (classes,)}, shape=("n", 20, 20, 3))

    assert refusal(CLASSIFY, weights) == (
        "made-up: output.decoder is 'softmax' and labels has 4 classes, so output 'logits' "
        f"should be [n, 4], but for one picture it is [1, {classes}]"
    )


# --- final boxes ---

END2END = replace(DETECT, output=spec("yolo-end2end", "a"))


def test_an_end2end_output_is_taken_whatever_the_number_of_labels() -> None:
    for labels in (DETECT.labels, DETECT.labels[1:]):
        load(replace(END2END, labels=labels), onnx_file({"a": (300, 6)}))


TORCHVISION = with_output(
    DETECT, decoder="torchvision", names=("boxes", "labels", "scores"), classes=4
)


def torchvision_file(*, shape: Shape = (100, 100, 3), batch_axis: bool = False) -> bytes:
    """Build a model with a box for each pixel that is not black, as torchvision's give them.

    The box of a pixel is its row, its column, 90 plus its channel, and 90; its label is 2.
    """
    prefix = ["first"] if len(shape) == 4 else []
    nodes = [
        *([helper.make_node("Squeeze", ["image", "zero"], ["one"])] if prefix else []),
        helper.make_node("NonZero", ["one" if prefix else "image"], ["places"]),
        helper.make_node("Transpose", ["places"], ["rows"], perm=[1, 0]),
        helper.make_node("Cast", ["rows"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Pad", ["numbers", "pads"], ["corners"]),
        helper.make_node("Add", ["corners", "far"], ["boxes.raw"]),
        helper.make_node("ReduceMax", ["numbers", "last"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nothing"], ["noughts"]),
        helper.make_node("Add", ["noughts", "half"], ["scores.raw"]),
        helper.make_node("Add", ["noughts", "two"], ["twos"]),
        helper.make_node("Cast", ["twos"], ["labels.raw"], to=TensorProto.INT64),
    ]
    for name in TORCHVISION.output.names:
        if batch_axis:
            nodes.append(helper.make_node("Unsqueeze", [f"{name}.raw", "zero"], [name]))
        else:
            nodes.append(helper.make_node("Identity", [f"{name}.raw"], [name]))
    constants: dict[str, NDArray[Any]] = {
        "zero": np.array([0], np.int64),
        "last": np.array([1], np.int64),
        "pads": np.array([0, 0, 0, 1], np.int64),
        "far": np.array([0, 0, 90, 90], np.float32),
        "nothing": np.array(0, np.float32),
        "half": np.array(0.5, np.float32),
        "two": np.array(2, np.float32),
    }
    kinds = {"labels": TensorProto.INT64}
    graph = helper.make_graph(
        nodes,
        "made-up",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), None)
            for name in TORCHVISION.output.names
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize("shape", [(100, 100, 3), (1, 100, 100, 3), ("n", 100, 100, 3)])
@pytest.mark.parametrize("batch_axis", [False, True])
def test_pictures_with_different_numbers_of_boxes_are_filled_up(
    shape: Shape, batch_axis: bool
) -> None:
    # Given a model of torchvision, exported with or without a batch axis
    model = load(TORCHVISION, torchvision_file(shape=shape, batch_axis=batch_axis))
    batch = np.zeros((3, 100, 100, 3), np.float32)
    batch[1, 20, 30, 1] = batch[1, 40, 50, 2] = batch[2, 60, 70, 0] = 1

    # When it finds no, two and one boxes
    boxes, labels, scores = model.run(batch)

    # Then each picture has two places
    nan = [np.nan] * 4
    np.testing.assert_array_equal(
        boxes, [[nan, nan], [[20, 30, 91, 90], [40, 50, 92, 90]], [[60, 70, 90, 90], nan]]
    )
    np.testing.assert_array_equal(labels, [[np.nan, np.nan], [2, 2], [2, np.nan]])
    np.testing.assert_array_equal(scores, [[np.nan, np.nan], [0.5, 0.5], [0.5, np.nan]])
    assert not model.batches
    assert {output.dtype for output in (boxes, labels, scores)} == {np.dtype(np.float32)}


def test_a_detector_of_torchvision_finds_what_is_in_one_tile() -> None:
    # Given a model that finds something in the whole picture and the first tile only
    detector = Detector(load(TORCHVISION, torchvision_file()))
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[40:44, 40:44] = 255

    found = detector.detect(picture, replace(OPTIONS, confidence=0.0, slices=2))

    # Then nothing is found where the outputs were filled up
    assert {(one.class_name, one.confidence) for one in found.objects} == {("truck", 0.5)}
    assert detector.detect(np.zeros_like(picture), OPTIONS).objects == []


def test_outputs_of_torchvision_in_another_order_are_refused() -> None:
    manifest = with_output(TORCHVISION, names=("boxes", "scores", "labels"))

    assert refusal(manifest, torchvision_file()) == (
        "made-up: output.names: 'scores' must be tensor(int64), but is tensor(float)"
    )
