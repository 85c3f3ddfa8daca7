"""Debian's Chromium, driven by playwright, and axe-core; each is skipped with a reason if lacking.

axe-core (Deque, MPL-2.0) comes from npm and stays in the user's cache folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE_VERSION = "4.14.1"
# Without a sandbox since containers run as root; without QUIC since nothing outside is asked.
OPTIONS = ["--no-sandbox", "--disable-quic"]


def chromium() -> str:
    """Where it is; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not found:
        pytest.skip("no Chromium: apt-get install chromium fonts-noto-cjk")
    return found


@contextmanager
def open_browser() -> Iterator[Any]:
    """A playwright browser; skips the test where one of both is lacking."""
    playwright = pytest.importorskip(
        "playwright.sync_api",
        reason="no playwright: pip install -c constraints.txt '.[browser]'",
    )
    program = chromium()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


def axe_source() -> str:
    """The script of axe-core; skips the test where it is neither kept nor to be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    script = cache / "simcse-core" / f"axe-{AXE_VERSION}.js"
    if not script.is_file():
        _fetch_axe(script)
    return script.read_text(encoding="utf-8")


def _fetch_axe(script: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("no axe-core: it comes from npm, which is not installed")
    script.parent.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [npm, "pack", "--silent", f"axe-core@{AXE_VERSION}"],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if ended.returncode:
        pytest.skip(f"no axe-core: npm cannot fetch it ({ended.stderr.strip()[:200]})")
    packed = script.parent / f"axe-core-{AXE_VERSION}.tgz"
    with tarfile.open(packed) as archive:
        content = archive.extractfile("package/axe.min.js")
        assert content is not None
        script.write_bytes(content.read())
    packed.unlink()
