"""A trained network -> what is shipped: it computes with integers, and its answers are measured."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import onnx
from numpy.typing import NDArray

from carlens.models.quantize import BATCH, PICTURES, quantize
from carlens.teach.arrays import Features
from carlens.teach.examples import Example
from carlens.teach.features import FeatureExtractor
from carlens.teach.head import Head
from carlens.teach.heldout import Photos, score, score_held_out
from carlens.teach.learned import Learned, Material
from carlens.teach.network import Network
from carlens.teach.progress import with_progress
from carlens.teach.split import Split
from carlens.teach.start import Start
from carlens.teach.statistics import Statistics
from carlens.teach.unknown import fit_rule_of_trained
from carlens.vision.preprocess import to_batch


@dataclass(frozen=True)
class Trained:
    """A trained classifier that computes in floats.

    Attributes
    ----------
    network : Network
    head : Head
    method : str
        How it was made, for the model card.
    """

    network: Network
    head: Head
    method: str


def quantize_and_measure(
    trained: Trained, material: Material, split: Split, start: Start, stream: TextIO
) -> Learned:
    """Let a trained network compute with integers, and measure it on the photos held out.

    Parameters
    ----------
    trained : Trained
    material : Material
        Of examples with crops, whose classes stand alone.
    split : Split
        The integers are calibrated on the photos to train on.
    start : Start
    stream : TextIO
        For the progress.
    """
    examples, labels, head = material.examples, material.labels, trained.head
    owners, answers = labels[split.train], labels[split.held_out]
    print("Quantizing and measuring the trained network", file=stream, flush=True)
    network = trained.network.with_body(_quantized(trained.network, examples, split, start))
    features = _features(examples, network, start, stream)
    tested = features[split.held_out, 0]
    scores = head.scores(tested)
    learned = Statistics.of(features[split.train], owners, len(head.bias))
    rule = fit_rule_of_trained(learned, tested, scores)
    photos = Photos(answers, material.kinds[split.held_out], split.folds)
    others = None
    if material.others:
        strange = _features(material.others, network, start, stream)[:, 0]
        others = score(head, rule, strange, material.others)
    return Learned(
        network=network,
        head=head,
        rule=rule,
        statistics=Statistics.of(features, labels, len(head.bias)),
        photos=score_held_out(scores, tested, rule, photos, material.classes),
        others=others,
        method=trained.method,
        protocol=_protocol(split, marked=examples[0].photo.held_out is not None),
    )


def _quantized(
    network: Network, examples: Sequence[Example], split: Split, start: Start
) -> onnx.ModelProto:
    """Quantize a network, calibrated on a random sample of the photos to train on."""
    spec = start.classifier.manifest.input
    train = np.random.default_rng(0).permutation(split.train)[:PICTURES]
    crops = [read_crop(examples[place]) for place in train]
    batches = (to_batch(crops[i : i + BATCH], spec) for i in range(0, len(crops), BATCH))
    return quantize(network.body(), batches)


def read_crop(example: Example) -> NDArray[np.uint8]:
    """Read the classifier's input, which was kept for training.

    Raises
    ------
    ValueError
        It was not kept.
    """
    if example.crop is None:
        raise ValueError(f"the crop of {example.photo.path} was not kept")
    return np.asarray(np.load(example.crop), np.uint8)


def _features(
    examples: Sequence[Example], network: Network, start: Start, stream: TextIO
) -> Features:
    """Run the network as it is shipped."""
    extractor = FeatureExtractor(start.classifier.manifest, network, threads=start.config.threads)
    return np.stack([extractor(read_crop(example)) for example in with_progress(examples, stream)])


def _protocol(split: Split, *, marked: bool) -> str:
    chosen = "those that the CSV file marks" if marked else "the last fifth of each class"
    text = (
        f"{len(split.held_out)} photos were held out, {chosen}, and the network was trained on "
        f"{len(split.train)} others. Near-duplicates and obvious series of one car were never on "
        "both sides. The shipped file is the one that was measured. The held-out photos were "
        "divided into five parts, and the probabilities of each part were calibrated on the other "
        "parts."
    )
    return textwrap.fill(text, 100)
