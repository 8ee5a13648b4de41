"""`python -m artifactflow` is `artifactflow`."""

from artifactflow.cli.app import main

if __name__ == "__main__":
    main()
