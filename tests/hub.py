"""A Hub on loop-back, for tests: what huggingface_hub asks for, from a folder."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import yaml


class Hub(BaseHTTPRequestHandler):
    """Files to fetch and repositories to push to, by the requests that huggingface_hub makes.

    GET and HEAD of /USER/REPO/resolve/REVISION/FILE; POST to create, ask how, commit;
    PUT of a large file's bytes. What is committed can be fetched.
    """

    root: Path
    status = 200  # what every repository is answered with, when not this
    error = ""
    pushed: dict[str, int] = {}  # status by the last words of a POST's path, where it is not 200
    asked: list[str] = []  # methods and paths
    token = "hf_good"
    machine: dict[str, str] = {}  # environment of the machines that are rented here
    jobs: dict[str, subprocess.Popen] = {}

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, send: bool = False) -> None:
        if self.status != 200:
            self.send_response(self.status)
            self.send_header("X-Error-Code", self.error)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path.startswith("/api/jobs/"):
            if self.path.endswith("/hardware"):
                return self.tell(HARDWARE)
            known = self.path.split("/")[-1] in self.jobs
            return self.tell(self.job() if known else {}, 200 if known else 404)
        if self.path.startswith("/api/datasets/"):
            return self.tell_of_files(self.root / "datasets")
        if self.path.startswith("/api/models/"):
            return self.tell_of_files(self.root)
        if self.path.startswith("/api/spaces/"):
            return self.tell_of_files(self.root / "spaces")
        root = self.root
        if self.path.startswith("/datasets/"):
            root, self.path = root / "datasets", self.path.removeprefix("/datasets")
        user, repo, _, _, name = (self.path.split("?")[0].lstrip("/").split("/", 4) + [""] * 5)[:5]
        path = root / user / repo / name
        if not name or not path.is_file():
            self.send_response(404)
            missing = "EntryNotFound" if path.parent.is_dir() else "RepoNotFound"
            self.send_header("X-Error-Code", missing)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if send:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(f"POST {self.path}")
        step = next((name for name in STEPS if name in self.path), "unknown")
        status = self.pushed.get(step, 200)
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            status = 401
        if status != 200:
            return self.tell({"error": f"refused with {status}"}, status)
        self.tell(STEPS[step](self, body))

    def do_PUT(self) -> None:
        self.asked.append(f"PUT {self.path}")
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.pushed.get("put", 200) != 200:
            return self.tell({}, self.pushed["put"])
        path = self.root / "large" / hashlib.sha256(data).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.tell({})

    def tell_of_files(self, root: Path) -> None:
        user, repo = self.path.split("?")[0].split("/")[3:5]
        folder = root / user / repo
        self.asked.append(f"GET {self.path}")
        if not folder.is_dir():
            return self.tell({"error": "Repository not found"}, 404, "RepoNotFound")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if "/tree/" in self.path:
            return self.tell([in_tree(path, folder) for path in files])
        names = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
        self.tell({"id": f"{user}/{repo}", "sha": "2" * 40, "siblings": names})

    def tell(self, answer: dict | list, status: int = 200, code: str = "") -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def created(self, body: bytes) -> dict:
        asked = json.loads(body)
        name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
        kind = "spaces" if asked.get("type") == "space" else ""
        (self.root / kind / name).mkdir(parents=True, exist_ok=True)
        return {"url": "/".join(filter(None, (self.address(), kind, name)))}

    def validated(self, body: bytes) -> dict:
        """A card's front matter has to be YAML."""
        yaml.safe_load(json.loads(body)["content"].split("---")[1])
        return {"warnings": [], "errors": []}

    def how_to_upload(self, body: bytes) -> dict:
        files = json.loads(body)["files"]
        mode = {True: "lfs", False: "regular"}
        return {
            "files": [
                {"path": f["path"], "uploadMode": mode[f["size"] > 10_000], "shouldIgnore": False}
                for f in files
            ]
        }

    def where_to_put(self, body: bytes) -> dict:
        """What is there already needs no upload."""
        told = []
        for one in json.loads(body)["objects"]:
            href = {"href": f"{self.address()}/put/{one['oid']}", "header": {}}
            is_here = (self.root / "large" / one["oid"]).is_file()
            told.append(one if is_here else {**one, "actions": {"upload": href}})
        return {"transfer": "basic", "objects": told}

    def committed(self, body: bytes) -> dict:
        kind, name = self.path.removeprefix("/api/").split("/commit/")[0].split("/", 1)
        repo = self.root / ("" if kind == "models" else kind) / name
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] in ("file", "lfsFile"):
                (repo / value["path"]).parent.mkdir(parents=True, exist_ok=True)
            if line["key"] == "file":
                (repo / value["path"]).write_bytes(base64.b64decode(value["content"]))
            elif line["key"] == "deletedFile":
                (repo / value["path"]).unlink()
            elif line["key"] == "lfsFile":
                shutil.copy(self.root / "large" / value["oid"], repo / value["path"])
        place = name if kind == "models" else f"{kind}/{name}"
        url = f"{self.address()}/{place}/commit/{'1' * 40}"
        return {"success": True, "commitOid": "1" * 40, "commitUrl": url}

    def rented(self, body: bytes) -> dict:
        """A machine is a process here."""
        asked = json.loads(body)
        told = {**self.machine, **asked["environment"], **asked["secrets"]}
        process = subprocess.Popen(asked["command"], env=told, start_new_session=True)
        self.jobs[f"job{len(self.jobs)}"] = process
        return job_as_told(f"job{len(self.jobs) - 1}", "SCHEDULING")

    def cancelled(self, body: bytes) -> dict:
        name = self.path.split("/")[-2]
        os.killpg(self.jobs[name].pid, signal.SIGTERM)
        return self.job(name)

    def job(self, name: str = "") -> dict:
        name = name or self.path.split("/")[-1]
        ended = self.jobs[name].poll()
        stage = "RUNNING" if ended is None else "ERROR" if ended else "COMPLETED"
        return job_as_told(name, stage)

    def address(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{host}:{port}"


def job_as_told(name: str, stage: str) -> dict:
    owner = {"id": "4" * 24, "name": "me", "type": "user"}
    return {"id": name, "owner": owner, "status": {"stage": stage, "message": None}}


def in_tree(path: Path, folder: Path) -> dict:
    about = {"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
    return {"type": "file", "oid": "3" * 40, **about}


HARDWARE = [
    {
        "name": name, "prettyName": says, "cpu": "4 vCPU", "ram": "15 GB",
        "accelerator": gpu and {
            "type": "gpu", "model": gpu, "quantity": "1", "vram": "16 GB", "manufacturer": "Nvidia"
        },
        "unitCostMicroUSD": cost, "unitCostUSD": cost / 1e6, "unitLabel": unit,
    }
    for name, says, gpu, cost, unit in (
        ("t4-small", "Nvidia T4 - small", "T4", 6667, "minute"),
        ("cpu-basic", "CPU Basic", None, 167, "minute"),
        ("cpu-odd", "whose price is by what nobody here knows", None, 1, "fortnight"),
    )
]  # fmt: skip
STEPS: dict[str, Callable[[Hub, bytes], dict]] = {
    "/repos/create": Hub.created,
    "/validate-yaml": Hub.validated,
    "/preupload/": Hub.how_to_upload,
    "/objects/batch": Hub.where_to_put,
    "/commit/": Hub.committed,
    "/cancel": Hub.cancelled,
    "/api/jobs/": Hub.rented,
}
