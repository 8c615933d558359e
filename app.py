"""The page: `python app.py [--host H] [--port P] [--home DIR]`; the one file a Space runs."""

import signal
import sys

from resnet_demo.ui import zero_gpu

zero_gpu.prepare()  # before anything imports torch

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while it starts, Ctrl-C shows no traceback
    from resnet_demo.ui.page import main

    sys.exit(main())
