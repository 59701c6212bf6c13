"""`python -m tests.containers COMMAND ...`: runs a command, such as a shell, beside a running engine."""

import subprocess
import sys

from tests.containers import engine
from tests.containers.programs import Programs

with engine.running(Programs.unpacked()) as started:
    done = subprocess.run(sys.argv[1:] or ["bash"], env=dict(started.environment), check=False)
sys.exit(done.returncode)
