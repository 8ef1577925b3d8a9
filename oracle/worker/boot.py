"""How the process starts: `python -I -S -B boot.py <configuration as JSON>`.

Without site (-S) nothing that is installed can be imported. NumPy and the oracle are loaded from where the grader
found them, each by its own path, so that torch and everything else beside NumPy stay out of reach.
"""

import importlib.util
import json
import os
import sys


def load(name: str, folder: str) -> None:
    """Import the package that lies in `folder`, without making its neighbours importable."""
    file = os.path.join(folder, "__init__.py")
    found = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[folder])
    assert found is not None and found.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)


if __name__ == "__main__":
    config = json.loads(sys.argv[1])
    sys.argv[1:] = []
    load("oracle", config["oracle"])
    if config["namespaces"]:
        from oracle.worker.namespaces import enter

        enter()
    load("numpy", config["numpy"])
    from oracle.worker.server import fork_server, spawned

    if "channel" in config:
        spawned(config)
    else:
        fork_server(config)
