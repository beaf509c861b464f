"""Tools that know nothing of video jobs: redaction, folders, back-off, processes."""
