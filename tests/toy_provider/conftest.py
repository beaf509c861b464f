"""A distribution of its own: its tests run where it is installed, never from this checkout."""

collect_ignore_glob = ["*"]
