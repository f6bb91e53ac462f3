"""`python -m gi_core`."""

import sys

from gi_core.cli import main

sys.exit(main())
