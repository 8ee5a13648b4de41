"""Download an archive, take it apart, and return the table in it."""

import argparse
import tarfile
import urllib.request
from pathlib import Path

import pandas as pd


def download(file_url: str, artifact_name: str, artifact_type: str, artifact_description: str) -> pd.DataFrame:
    archive = Path(file_url.rpartition("/")[2])
    urllib.request.urlretrieve(file_url, archive)
    with tarfile.open(archive) as opened:
        member = opened.getmembers()[0]
        table = pd.read_csv(opened.extractfile(member))
    print([artifact_name, artifact_type, artifact_description, member.name, table.shape])
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--file_url", type=str, required=True, help="URL of the file to download")
    parser.add_argument("--artifact_name", type=str, required=True, help="Name for the artifact")
    parser.add_argument("--artifact_type", type=str, default="raw_data", help="Type of the artifact")
    parser.add_argument("--artifact_description", type=str, required=True, help="Description of the artifact")
    given = parser.parse_args()
    download(given.file_url, given.artifact_name, given.artifact_type, given.artifact_description)
