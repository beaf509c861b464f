"""One HTTP call, bounded and under a deadline: session, response, retry, rate limit, download."""
