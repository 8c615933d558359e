"""Without this, tests of pasted code would prove nothing."""

from pathlib import Path

from tests.export import clean


def test_what_was_not_named_is_not_there(tmp_path: Path) -> None:
    ran = clean.run("import PIL; import torch", ["pillow"], tmp_path / "packages", tmp_path)
    assert ran.returncode == 1 and "No module named 'torch'" in ran.stderr
