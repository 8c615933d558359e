"""`python -m resnet_demo COMMAND ...`, see `cli.main`; and `resnet-demo`, as pip installs it."""

import sys

from resnet_demo.cli.main import main


def script() -> int:
    """With a command as `python -m resnet_demo`; without one the page, as `python app.py`."""
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        return main()
    from resnet_demo.ui.page import main as serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
