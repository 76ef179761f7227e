"""What is kept on disk and in the ledger, for how long, and in what form."""
