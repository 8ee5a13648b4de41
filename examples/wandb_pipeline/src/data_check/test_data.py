import numpy as np

EXPECTED_COLUMNS = [
    "id",
    "name",
    "neighbourhood_group",
    "room_type",
    "latitude",
    "longitude",
    "price",
    "minimum_nights",
    "number_of_reviews",
    "last_review",
]


def test_column_names(data):
    assert list(data.columns) == EXPECTED_COLUMNS


def test_neighbourhood_names(data):
    known = {"Harbour", "Hill", "Market", "Old Town", "Park"}
    assert set(data["neighbourhood_group"].unique()) == known


def test_proper_boundaries(data):
    assert data["latitude"].between(43.20, 43.40).all()
    assert data["longitude"].between(5.30, 5.50).all()


def test_similar_neighbourhood_distribution(data, ref_data, kl_threshold):
    dist1 = data["neighbourhood_group"].value_counts(normalize=True).sort_index()
    dist2 = ref_data["neighbourhood_group"].value_counts(normalize=True).sort_index()

    assert np.sum(dist1 * np.log2(dist1 / dist2)) < kl_threshold


def test_row_count(data):
    assert 500 < data.shape[0] < 100000


def test_price_range(data, min_price, max_price):
    assert data["price"].between(min_price, max_price).all()
