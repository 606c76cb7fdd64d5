"""How long `cargo build --release` takes from nothing."""

import os
import shutil
import subprocess
import time

from process import Broken
from settings import CACHE, ROOT
from verdict import claim

TITLE = "Build from nothing"
ABOUT = "`cargo build --release` into an empty target folder, dependencies already downloaded, all cores."
COLUMNS = [("seconds", "seconds", 1)]


def run(bench):
    target = CACHE / "build"
    subprocess.run(["cargo", "fetch", "--quiet", "--locked"], cwd=ROOT, check=True)
    shutil.rmtree(target, ignore_errors=True)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "0"}
    begin = time.monotonic()
    every_core = ["taskset", "-c", f"0-{os.cpu_count() - 1}"]
    build = ["cargo", "build", "--quiet", "--release", "--locked"]
    done = subprocess.run([*every_core, *build], cwd=ROOT, env=environment, check=False)
    seconds = time.monotonic() - begin
    shutil.rmtree(target, ignore_errors=True)
    if done.returncode != 0:
        raise Broken("cargo build --release failed")
    runs = {"maitred": [{"seconds": seconds}]}
    return runs, {"maitred": "maitred"}, [claim("cargo build --release from nothing, 2 cores", [seconds], 300, "s")]
