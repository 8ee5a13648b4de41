"""Fit logistic regression on iris and print how well it does."""

import argparse

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import train_test_split


def main(test_size: float = 0.2, random_seed: int = 42, max_iter: int = 200) -> None:
    iris = load_iris()
    x_train, x_test, y_train, y_test = train_test_split(
        iris.data, iris.target, test_size=test_size, random_state=random_seed
    )
    model = LogisticRegression(max_iter=max_iter, random_state=random_seed).fit(x_train, y_train)
    predicted = model.predict(x_test)
    print(f"Model Accuracy: {accuracy_score(y_test, predicted):.2f}")
    print("Classification Report:")
    print(classification_report(y_test, predicted, target_names=iris.target_names))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--test_size", type=float, default=0.2)
    parser.add_argument("--random_seed", type=int, default=42)
    parser.add_argument("--max_iter", type=int, default=200)
    arguments = parser.parse_args()
    main(arguments.test_size, arguments.random_seed, arguments.max_iter)
