"""From a request to a job, paid for once: targets, quotes, submission, fallback."""
