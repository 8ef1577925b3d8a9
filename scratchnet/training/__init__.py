"""Training: one loop, `fit`, for any network, loss, optimizer and schedule.

    fit.py              the loop over epochs and mini-batches
    update.py           one update, and evaluation: what happens to one batch
    descent.py          gradient descent and stochastic gradient descent, as the course note describes them
    history.py          what training went through, as arrays and as a figure
    early_stopping.py   when to stop, and the weights to return to
    checkpoint.py       everything that training needs to go on as if it had never stopped
    interrupt.py        Ctrl-C that waits for the end of an update
    progress.py         the progress bar

Source: course note, section 5.
"""

from scratchnet.training.descent import gradient_descent, sgd
from scratchnet.training.early_stopping import EarlyStopping
from scratchnet.training.fit import fit
from scratchnet.training.history import History
from scratchnet.training.update import evaluate, predict, update

__all__ = ["EarlyStopping", "History", "evaluate", "fit", "gradient_descent", "predict", "sgd", "update"]
