"""`python -m preprocess_service` is `hunet-preprocess`."""

from preprocess_service.cli import main

main(prog_name="hunet-preprocess")
