"""Makes rentals.csv: flats that nobody lets, in a town that does not exist. The same numbers each time."""

import csv
import random
from datetime import date, timedelta

BASE_PRICE = {"Harbour": 130, "Hill": 160, "Market": 95, "Old Town": 120, "Park": 80}
ROOM_FACTOR = {"Entire home/apt": 1.4, "Private room": 0.8, "Shared room": 0.45}
ADJECTIVES = ["Sunny", "Quiet", "Spacious", "Cozy", "Modern", "Charming", "Luxury"]
NOUNS = ["loft", "studio", "room", "apartment", "flat", "penthouse"]


def main() -> None:
    draw = random.Random(20261123)
    with open("rentals.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            "id name neighbourhood_group room_type latitude longitude price minimum_nights number_of_reviews "
            "last_review".split()
        )
        for number in range(1, 1001):
            area = draw.choices(list(BASE_PRICE), [3, 2, 4, 3, 5])[0]
            room = draw.choices(list(ROOM_FACTOR), [5, 4, 1])[0]
            adjective = draw.choice(ADJECTIVES)
            price = BASE_PRICE[area] * ROOM_FACTOR[room] * draw.lognormvariate(0, 0.3)
            price *= 2.2 if adjective == "Luxury" else 1
            price = draw.choice([0, 2500]) if draw.random() < 0.01 else round(price)
            reviews = draw.randrange(120) if draw.random() < 0.8 else 0
            last_review = date(2019, 1, 1) + timedelta(days=draw.randrange(360)) if reviews else ""
            name = f"{adjective} {draw.choice(NOUNS)} in {area}" if draw.random() < 0.99 else ""
            place = [f"{draw.uniform(43.21, 43.39):.5f}", f"{draw.uniform(5.31, 5.49):.5f}"]
            writer.writerow([number, name, area, room, *place, price, draw.choice([1, 1, 2, 3, 7, 30]), reviews, last_review])


if __name__ == "__main__":
    main()
