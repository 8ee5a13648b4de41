import numpy as np
import pandas as pd


def days_since_last_review(dates):
    """
    Days between each row's last review and the latest of all. Rows without a review count as the oldest
    """
    dates = pd.DataFrame(dates).apply(pd.to_datetime)
    return dates.apply(lambda column: (column.max() - column).dt.days, axis=0).fillna(9999).to_numpy()


def flatten(texts):
    """
    A column of texts as the flat list that a vectorizer takes
    """
    return np.ravel(texts)
