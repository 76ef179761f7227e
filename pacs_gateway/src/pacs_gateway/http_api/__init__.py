"""The gateway's HTTP API: scans in, their progress, files and corrections out."""
