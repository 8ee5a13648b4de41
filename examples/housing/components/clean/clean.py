"""Keep the districts inside a range of house values and fill in missing room counts: plain argparse and pandas."""

import argparse

import pandas as pd


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", required=True, help="the table to clean")
    parser.add_argument("--min_value", type=float, default=0.0, help="lowest house value kept, in USD")
    parser.add_argument("--max_value", type=float, default=500_000.0, help="highest house value kept, in USD")
    parser.add_argument("--clean", default="clean.csv", help="where to write the cleaned table")
    args = parser.parse_args()

    table = pd.read_csv(args.raw)
    kept = table[table["median_house_value"].between(args.min_value, args.max_value)].copy()
    missing = int(kept["total_bedrooms"].isna().sum())
    kept["total_bedrooms"] = kept["total_bedrooms"].fillna(kept["total_bedrooms"].median())
    kept.to_csv(args.clean, index=False)
    print(f"kept {len(kept)} of {len(table)} districts, filled in {missing} room counts")


if __name__ == "__main__":
    main()
