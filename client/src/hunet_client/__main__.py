"""`python -m hunet_client` is the `hunet` command, of this very Python."""

from hunet_client.cli import main

if __name__ == "__main__":
    main()
