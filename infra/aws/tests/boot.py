#!/usr/bin/env python3
"""Runs the scripts that the worker's boot script installs, with doubles for docker, aws, curl and systemctl.

    boot.py RENDERED_BOOT_SCRIPT

Says on standard error what does not hold, and exits with 1 then.
"""

import os, re, subprocess, sys, tempfile
from pathlib import Path

boot = Path(sys.argv[1]).read_text()
installed = dict(re.findall(r"cat >/usr/local/bin/([\w-]+) <<'SCRIPT'\n(.*?\n)SCRIPT\n", boot, re.S))
failures = []


class Machine:
    """A folder that stands for the machine; every call of a double is a line in `calls`."""

    def __init__(self, folder, metadata, docker_exit=0, draining=False):
        self.root = Path(folder)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        self.sort = self.root / "sort"
        (self.sort / "thunderhead-leftover").mkdir(parents=True)
        (self.root / "run").mkdir()
        if draining:
            (self.root / "run" / "draining").touch()
        for name, text in installed.items():
            text = text.replace("/usr/local/bin/", f"{self.bin}/").replace("/run/thunderhead/", f"{self.root}/run/")
            # The watcher looks every five seconds.
            self.double(name, text.replace("sleep 5", "sleep 0.05"))
        calls = f'echo "$(basename "$0") $*" >>{self.root}/calls'
        self.double("docker", f'#!/bin/bash\n{calls}\n[ "$1" != run ] || exit {docker_exit}\n')
        self.double("aws", f"#!/bin/bash\n{calls}\n")
        self.double("systemctl", f"#!/bin/bash\n{calls}\n")
        items = "\n".join(f'    *"/meta-data/{item}") echo "{value}" ;;' for item, value in metadata.items())
        self.double("curl", f'#!/bin/bash\ncase "$*" in\n    *"-X PUT"*"api/token"*) echo token ;;\n'
                            f'    *"metadata-token: token"*) ;;&\n{items}\n    *) exit 22 ;;\nesac\n')

    def double(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, script):
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "SORT_DIR": str(self.sort)}
        try:
            return subprocess.run([str(self.bin / script)], env=environment, timeout=3, capture_output=True).returncode
        except subprocess.TimeoutExpired:
            return None

    def calls(self):
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""


def check(what, holds, machine):
    if not holds:
        failures.append(f"{what}; calls:\n{machine.calls()}")


def on(metadata, script, docker_exit=0, draining=False):
    folder = tempfile.TemporaryDirectory()
    machine = Machine(folder.name, metadata, docker_exit, draining)
    machine.folder = folder
    machine.code = machine.run(script)
    return machine


identity = {"instance-id": "i-1"}
leave = "aws autoscaling terminate-instance-in-auto-scaling-group"
done = "aws autoscaling complete-lifecycle-action"

machine = on(identity, "thunderhead-worker")
check("a worker whose import is over leaves the group", machine.code == 0 and leave in machine.calls()
      and "--instance-id i-1 --should-decrement-desired-capacity" in machine.calls(), machine)
check("the container is named after the instance and sorts on the local disks",
      f"{machine.sort}:/sort" in machine.calls() and "--name i-1" in machine.calls(), machine)
check("what a killed worker left is removed", not list(machine.sort.iterdir()), machine)

machine = on(identity, "thunderhead-worker", docker_exit=1)
check("a worker that failed stays, so that it is started again", machine.code == 1 and leave not in machine.calls(), machine)

machine = on(identity, "thunderhead-worker", draining=True)
check("a worker that was drained leaves the leaving to the group", machine.code == 0 and leave not in machine.calls(), machine)

machine = on(identity | {"autoscaling/target-lifecycle-state": "Terminated"}, "thunderhead-worker")
check("a worker that saw the notice before the watcher leaves the leaving to the group",
      machine.code == 0 and leave not in machine.calls(), machine)

machine = on({}, "thunderhead-worker")
check("without metadata nothing is started", machine.code == 1 and "docker run" not in machine.calls(), machine)

machine = on(identity | {"autoscaling/target-lifecycle-state": "InService"}, "thunderhead-drain")
check("an instance in service is left alone", machine.code is None and machine.calls() == "", machine)

for reason in [{"autoscaling/target-lifecycle-state": "Terminated"}, {"spot/instance-action": '{"action": "terminate"}'}]:
    machine = on(identity | reason, "thunderhead-drain")
    calls = machine.calls().splitlines()
    check(f"{reason}: the worker may end by itself, is stopped, then the hook is completed", machine.code == 0
          and calls[:2] == ["docker wait thunderhead-worker", "systemctl stop thunderhead-worker"]
          and len(calls) == 3 and calls[2].startswith(done), machine)
    check(f"{reason}: the worker knows that it is drained", (machine.root / "run" / "draining").exists(), machine)

for failure in failures:
    print(f"boot script: does not hold: {failure}", file=sys.stderr)
sys.exit(bool(failures))
