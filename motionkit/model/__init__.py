"""Values that every room shares: requests, jobs, money, media. No I/O but reading local media."""
