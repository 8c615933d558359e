"""Time to the first page, beside that of a bare gr.Blocks page, in turn."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 7
BARE = (
    "import gradio as gr\nwith gr.Blocks() as page:\n    gr.Markdown('# Hello')\n"
    "page.launch(server_port={port}, quiet=True)"
)


def measure(data: str, place: Path) -> dict[str, object]:
    pairs = []
    for number in range(PAIRS + 1):
        port = free_port()
        ours = first_page(["app.py", "--home", str(place), "--port", str(port)], port)
        port = free_port()
        bare = first_page(["-c", BARE.format(port=port)], port)
        if number:  # the first pair warms the disk
            pairs.append((round(ours, 2), round(bare, 2)))
    return {"ratio": round(median(a / b for a, b in pairs), 3), "pairs_s": pairs}


def first_page(words: list[str], port: int) -> float:
    """Seconds from process start to the first whole answer."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL
    )
    try:
        while time.perf_counter() - started < 60:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                return time.perf_counter() - started
            except OSError:
                time.sleep(0.02)
        raise TimeoutError("no page in 60 s")
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
