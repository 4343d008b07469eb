"""A hundred users to try things with, the same at every first start. Their addresses are at example.com (RFC 2606)."""

from collections.abc import Iterator
from datetime import date, timedelta

from dashboard.values import Profile

FIRST = (
    "Ada", "Bela", "Chen", "Dalia", "Emre", "Fatou", "Goran", "Hana", "Ines", "Jomo",
    "Kaja", "Luca", "Maya", "Nils", "Oona", "Paulo", "Rina", "Sami", "Tove", "Yuki",
)  # fmt: skip
LAST = (
    "Abe", "Brandt", "Costa", "Diallo", "Eriksen", "Farkas", "Garcia", "Haddad", "Ivanov", "Jansen",
    "Kaya", "Lindqvist", "Moreau", "Novak", "Okafor", "Park", "Rossi", "Singh", "Tanaka", "Weber",
)  # fmt: skip
CITIES = (
    ("Lisbon", "Portugal"), ("Osaka", "Japan"), ("Accra", "Ghana"), ("Montréal", "Canada"), ("Łódź", "Poland"),
    ("São Paulo", "Brazil"), ("Tallinn", "Estonia"), ("Pune", "India"), ("Izmir", "Türkiye"), ("Graz", "Austria"),
)  # fmt: skip
FIRST_DAY = date(2021, 1, 4)


def sample_users() -> Iterator[Profile]:
    """All hundred; no two of one name."""
    for n in range(100):
        first, last = FIRST[n % 20], LAST[(n + 3 * (n // 20)) % 20]
        city, country = CITIES[n * 7 % 10]
        username = f"{first}_{last[0]}{n + 1}".lower()
        joined = (FIRST_DAY + timedelta(days=17 * n)).isoformat()
        yield Profile(f"{first} {last}", username, f"{username}@example.com", city, country, joined)
