"""Pure: which target comes next, and why. No I/O, no clock."""
