"""From a study to its plan of trials, without running any: pure, and without a heavy library."""
