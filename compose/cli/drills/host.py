"""Drills on the machine itself, as far as they harm nothing else on it."""

from __future__ import annotations

import os
import subprocess
import sys

from compose.cli.drills.drill import Drill, expect
from compose.cli.drills.instance import Instance

_LOWEST_PRIORITY = 19
_BUSY = f"import os\nos.nice({_LOWEST_PRIORITY})\nwhile os.getppid() == {{parent}}: pass\n"
"""It ends by itself when the drill's process is gone."""


class BusyProcessors(Drill):
    name = "busy-processors"
    breaks = "has more programs of the lowest priority compute than there are processors"
    alerts = (expect("HostCpuPressure", service="host"),)
    seconds = 240.0

    def strike(self, instance: Instance) -> None:
        program = _BUSY.format(parent=os.getpid())
        for _ in range(2 * (os.cpu_count() or 1)):
            process = subprocess.Popen([sys.executable, "-c", program])
            instance.held.callback(process.wait)
            instance.held.callback(process.kill)

    def heal(self, instance: Instance) -> None:
        """The programs end with the drill."""
