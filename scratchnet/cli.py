"""The command line: python -m scratchnet train --model lenet5 --data mnist5k --epochs 15"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from scratchnet import data, metrics, models, nn, optim, training
from scratchnet.serialization import save

Pair = tuple[np.ndarray, np.ndarray]
app = typer.Typer(add_completion=False, no_args_is_help=True, help="scratchnet: neural networks in plain NumPy.")

# name -> network for grey images of `size` x `size`, of ten classes; ResNet with an eighth of its channels
MODELS: dict[str, Callable[..., nn.Module]] = {
    "mlp": lambda size, **options: models.MLP(size * size, 100, 10, **options),
    "lenet5": lambda size, **options: models.LeNet5(**options),
    "lenet5-tanh": lambda size, **options: models.LeNet5(activation=nn.Tanh, pooling=nn.AvgPool2d, **options),
    "resnet18": lambda size, **options: models.resnet18(num_classes=10, in_channels=1, shrink=8, **options),
}
DATA: dict[str, Callable[..., Pair]] = {"mnist5k": data.mnist5k, "digits": data.digits}
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("constant", "cosine", "plateau")


@app.callback()
def _several_commands() -> None:
    """scratchnet: neural networks in plain NumPy."""


@app.command()
def train(
    model: Annotated[str, typer.Option(help=f"One of {', '.join(MODELS)}.")] = "lenet5",
    dataset: Annotated[str, typer.Option("--data", help=f"One of {', '.join(DATA)}.")] = "mnist5k",
    epochs: Annotated[int, typer.Option(min=0, help="Times that every sample is used.")] = 15,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples behind one update.")] = 64,
    optimizer: Annotated[str, typer.Option(help="sgd (with momentum) or adam.")] = "sgd",
    lr: Annotated[float | None, typer.Option(min=0, help="Learning rate (sgd 0.05, adam 0.001).")] = None,
    momentum: Annotated[float, typer.Option(min=0, help="Of sgd.")] = 0.9,
    weight_decay: Annotated[float, typer.Option(min=0, help="Of weights, not of biases and normalisations.")] = 0.0,
    schedule: Annotated[str, typer.Option(help="Of the learning rate: constant, cosine or plateau.")] = "constant",
    clip_norm: Annotated[float | None, typer.Option(min=0, help="Largest norm of all gradients together.")] = None,
    crop: Annotated[int, typer.Option(min=0, help="Augmentation: shift by up to so many pixels.")] = 0,
    flip: Annotated[bool, typer.Option(help="Augmentation: mirror every other image.")] = False,
    patience: Annotated[int | None, typer.Option(min=1, help="Stop early, after so many epochs without a new best on "
                                                 "a tenth of the training set that is held back.")] = None,
    test_size: Annotated[int | None, typer.Option(min=1, help="Samples held out for the test (a fifth).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights, bit for bit.")] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    checkpoint: Annotated[Path | None, typer.Option(dir_okay=False, help="File (.npz) to go on from, written each "
                                                    "epoch and at Ctrl-C.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(min=1, help="Write the checkpoint every so many updates "
                                                         "too.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint, if it is there.")] = False,
    save_to: Annotated[Path | None, typer.Option("--save", dir_okay=False, help="Write the weights to this file "
                                                 "(.npz).")] = None,
    figure: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw loss and accuracy into this file (.png, "
                                                ".svg).")] = None,
) -> None:
    """Train a network, and show how well it does on samples that it has not seen."""
    _expect("--model", model, MODELS)
    _expect("--data", dataset, DATA)
    _expect("--optimizer", optimizer, OPTIMIZERS)
    _expect("--schedule", schedule, SCHEDULES)
    _expect("--dtype", dtype, ("float32", "float64"))
    for option, given in (("--resume", resume), ("--checkpoint-every", checkpoint_every)):
        if given and checkpoint is None:
            raise typer.BadParameter("it needs --checkpoint FILE, the file to go on from", param_hint=option)
    for option, path in (("--checkpoint", checkpoint), ("--save", save_to), ("--figure", figure)):
        if path is not None and not path.parent.is_dir():  # now, and not when training is done
            raise typer.BadParameter(f"there is no folder {path.parent}", param_hint=option)

    split, weights, order, crops, flips = np.random.default_rng(seed).spawn(5)
    with _one_line():
        if figure is not None:
            _expect("--figure", figure.suffix.removeprefix("."), _figure_formats())
        x, y = DATA[dataset](dtype)
        train_set, test_set = data.stratified_split(x, y, test_size or len(x) // 5, rng=split)
        watch = {"test": test_set}
        if patience is not None or schedule == "plateau":  # what decides must not be the test
            train_set, watch["valid"] = data.stratified_split(*train_set, len(train_set[0]) // 10, rng=split)
    if crop >= x.shape[2]:
        raise typer.BadParameter(f"{crop} given, less than the {x.shape[2]} pixels of an image expected",
                                 param_hint="--crop")  # fmt: skip

    transforms: list[Any] = [data.RandomCrop(x.shape[2:], crop, rng=crops)] if crop else []
    transforms += [data.RandomHorizontalFlip(rng=flips)] if flip else []
    transform = data.Compose(transforms) if transforms else None
    batches = data.DataLoader(train_set, batch_size, shuffle=True, transform=transform, rng=order)
    net = MODELS[model](x.shape[2], dtype=np.dtype(dtype), rng=weights)
    groups = optim.weight_decay_groups(net, weight_decay)
    steps: optim.Optimizer = (
        optim.SGD(groups, 0.05 if lr is None else lr, momentum)
        if optimizer == "sgd"
        else optim.Adam(groups, 0.001 if lr is None else lr)
    )
    scheduler: Any = {
        "constant": lambda: None,
        "cosine": lambda: optim.lr_scheduler.CosineAnnealingLR(steps, max(epochs, 1)),
        "plateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(steps, patience=3),
    }[schedule]()
    try:
        with _one_line():
            history = training.fit(
                net, nn.CrossEntropyLoss(), batches, steps, epochs, watch=watch, scheduler=scheduler,
                monitor="valid loss", clip_norm=clip_norm, checkpoint=checkpoint, checkpoint_every=checkpoint_every,
                resume=resume, progress=True,
                early_stopping=training.EarlyStopping("valid loss", patience) if patience is not None else None,
            )  # fmt: skip
    except KeyboardInterrupt:
        kept = f"--resume --checkpoint {checkpoint} goes on" if checkpoint else "--checkpoint FILE would have kept it"
        typer.echo(f"scratchnet: stopped; {kept}", err=True)
        raise typer.Exit(130) from None

    with _one_line():
        if save_to is not None:
            save(net.state_dict(), save_to)
        if figure is not None:
            history.figure().savefig(figure)
    _show(net, history, test_set)


@contextmanager
def _one_line() -> Iterator[None]:
    """What goes wrong in this block is said in one line, without the lines of code that it came through."""
    try:
        yield
    except (ValueError, FloatingPointError, OSError, ModuleNotFoundError) as error:
        typer.echo(f"scratchnet: {error}", err=True)
        raise typer.Exit(1) from None


def _figure_formats() -> list[str]:
    """What matplotlib can write; raises ModuleNotFoundError without it, before training and not after."""
    return sorted(training.History().figure().canvas.get_supported_filetypes())


def _show(net: nn.Module, history: training.History, test_set: Pair) -> None:
    """What came out, and which classes are taken for which."""
    scores, labels = training.predict(net, test_set[0]), test_set[1]
    console = Console()
    console.print(
        f"test accuracy {100 * metrics.accuracy(scores, labels):.2f} % of {len(labels)} samples after "
        f"{history.epochs[-1]} epochs, {history.updates[-1]} updates, {history.seconds[-1]:.1f} s of training",
        highlight=False, soft_wrap=True,
    )
    counts = metrics.confusion_matrix(scores, labels)
    table = Table("label", *map(str, range(len(counts))), title="predicted as", box=None)
    for label, row in enumerate(counts):
        table.add_row(str(label), *(str(count) if count else "." for count in row))
    console.print(table)


def _expect(option: str, value: str, known: Any) -> None:
    if value not in known:
        raise typer.BadParameter(f"{value!r} given, one of {', '.join(known)} expected", param_hint=option)


def main() -> None:
    app(prog_name="python -m scratchnet")
