import numpy as np


def sgd_momentum(w, dw, config=None):
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v + config["learning_rate"] * dw  # the sign
    config["velocity"] = v
    return w + v, config


def rmsprop(w, dw, config=None):
    config.setdefault("cache", np.zeros_like(w))
    config["cache"] = config["decay_rate"] * config["cache"] + (1 - config["decay_rate"]) * dw**2
    return w - config["learning_rate"] * dw / np.sqrt(config["cache"] + config["epsilon"]), config


def adam(w, dw, config=None):
    m, v, t = config.get("m", np.zeros_like(w)), config.get("v", np.zeros_like(w)), config.get("t", 0) + 1
    beta1, beta2 = config["beta1"], config["beta2"]
    config["m"] = m = beta1 * m + (1 - beta1) * dw
    config["v"] = v = beta2 * v + (1 - beta2) * dw**2
    mt, vt = m / (1 - beta1**t), v / (1 - beta2**t)  # t is never kept
    return w - config["learning_rate"] * mt / (np.sqrt(vt) + config["epsilon"]), config
