"""The container's command: `train` or `serve`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = """usage: mlcloud-trainer {train,serve} ...

  train [--prefix DIR]   train on DIR/input (default /opt/ml) and write DIR/model
  serve                  serve the model over HTTP; settings come from the environment
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; each imports only what it needs.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong command line.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command, rest = (given[0], given[1:]) if given else ("", [])
    if command == "train":
        from mlcloud_trainer.training.main import main as train

        return train(rest)
    if command == "serve":
        from mlcloud_trainer.serving.main import main as serve

        return serve(rest)
    if command in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    found = f'there is no command "{command}"' if command else "a command is missing"
    sys.stderr.write(f"{found}\n{USAGE}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
