"""`python -m motionkit`: the same as the command `motionkit`."""

import sys

from motionkit.cli import main

sys.exit(main())
