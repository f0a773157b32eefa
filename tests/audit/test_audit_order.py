"""A planted order inside ties is found, by its column and without it; a shuffled one is not."""

from itertools import pairwise

import pytest
import torch

from ssrec.audit.ascents import agreement
from ssrec.audit.order import order


def ids(section):
    return {f.id: f.grade for f in section.findings()}


def column(section, name):
    return next(c for c in section.columns if c.column == name)


def codes(n, key):
    """Text ids whose alphabetical order is that of the key."""
    return [f"B{int(key[i]):05d}" for i in range(n)]


def naive(events, value):
    """Tied neighbours with unequal values, and how many ascend."""
    pairs = up = 0
    for (u, i, t), (w, j, s) in pairwise(events):
        if u == w and t == s and value[i - 1] != value[j - 1]:
            pairs += 1
            up += value[i - 1] < value[j - 1]
    return pairs, up


def test_a_hidden_sort_by_a_column_is_found_and_counted(plant, histories):
    key = torch.randperm(60)
    events = histories(key=key)
    found = order(plant(events, asin=codes(60, key), price=torch.randn(60).tolist()))
    asin = column(found, "asin")
    assert (asin.pairs, asin.ascending) == naive(events, codes(60, key)) == (2400, 2400)
    assert asin.z == pytest.approx(300**0.5)
    assert abs(column(found, "price").z) < 4
    assert found.pairs == 2400
    assert found.neighbours == 300 * 11
    assert ids(found) == {"ties_follow_a_column": "grave", "ties_follow_a_fixed_order": "grave"}
    assert "2,400 of 2,400" in found.findings()[0].sentence
    assert "asin" in found.findings()[0].sentence


def test_it_is_found_without_the_column(plant, histories):
    found = order(plant(histories(key=torch.randperm(60))))
    assert ids(found)["ties_follow_a_fixed_order"] == "grave"
    assert found.agreement.share == 1


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_ties_show_nothing(plant, histories, seed):
    torch.manual_seed(seed)
    events = histories()
    found = order(plant(events, asin=codes(60, torch.randperm(60)), genres=[["b"], ["a"], None] * 20))
    assert not found.findings()
    assert (column(found, "id").pairs, column(found, "id").ascending) == naive(events, range(60))
    assert max(abs(c.z) for c in found.columns) < 4
    assert abs(found.agreement.share - 0.5) < 0.05


def test_descending_is_an_order_too(plant, histories):
    key = torch.randperm(60)
    found = order(plant(histories(key=-key), asin=codes(60, key)))
    assert column(found, "asin").ascending == 0
    assert "descend" in found.findings()[0].sentence


def test_one_user_with_a_long_sorted_run_is_no_finding(plant, histories):
    """Four hundred sorted events of one user: counted one by one they would be far from chance."""
    run = [(101, i + 1, 86_400) for i in range(400)]
    found = order(plant(histories(n=100, days=1, items=400) + run))
    by_id = column(found, "id")
    assert by_id.excess > 0.2
    assert (2 * by_id.ascending - by_id.pairs) / by_id.pairs**0.5 > 15, "each pair an observation of its own"
    assert abs(by_id.z) < 3
    assert not found.findings()


def test_few_ties_are_never_grave(plant):
    tied = [(u, i, t) for u in range(1, 41) for i, t in [(1, 1), (2, 1), *((k, k) for k in range(3, 400))]]
    found = order(plant(tied))
    assert found.pairs / found.neighbours < 0.01
    assert set(ids(found).values()) == {"warning"}


def test_ids_given_out_by_appearance_are_no_order(plant):
    """In lists without times each new item has the highest id so far: it ascends by construction."""
    events, numbers = [], {}
    for u in range(1, 301):
        for item in torch.randperm(2000)[:12].tolist():
            events.append((u, numbers.setdefault(item, len(numbers) + 1)))
    rising = sum(a[1] < b[1] for a, b in pairwise(events) if a[0] == b[0]) / (300 * 11)
    assert rising > 0.6
    found = order(plant(events))
    assert column(found, "id").apart
    assert column(found, "id").excess < 0.05
    assert not found.findings()


def test_sorted_lists_without_times_are_grave_where_the_order_decides(plant):
    lists = [sorted((torch.randperm(40)[:9] + 1).tolist()) for _ in range(200)]
    events = [(u + 1, i) for u, items in enumerate(lists) for i in items]
    assert ids(order(plant(events))) == {"order_follows_a_column": "grave", "order_is_shared": "grave"}
    at_random = "".join("rrrrrrr" + "vt"[:: 1 - 2 * (u % 2)] if u % 3 else "tvrrrrrrr" for u in range(200))
    assert set(ids(order(plant(events, at_random))).values()) == {"warning"}


def test_a_published_split_excuses_sorted_lists_only_where_it_is_used(plant):
    """Parts listed one after the other look sorted; another split still tests what stands last in the file."""
    events = [(u + 1, i + 1) for u in range(200) for i in sorted(torch.randperm(40)[:9].tolist())]
    published = (["train"] * 7 + ["val", "test"]) * 200
    used, unused = (order(plant(events, published=published, given=given)) for given in (True, False))
    assert set(ids(used).values()) == {"warning"}
    assert ids(unused) == {"order_follows_a_column": "grave", "order_is_shared": "grave"}


def test_random_lists_without_times_show_nothing(plant):
    events = [(u, i + 1) for u in range(1, 201) for i in torch.randperm(40)[:9].tolist()]
    found = order(plant(events))
    assert found.scope == "untimed"
    assert not found.findings()


def test_agreement_is_the_naive_loop():
    users, before, after = torch.randint(20, (200,)), torch.randint(1, 6, (200,)), torch.randint(1, 6, (200,))
    once = {}
    for u, a, b in zip(users.tolist(), before.tolist(), after.tolist(), strict=True):
        if a != b:
            once.setdefault((u, min(a, b), max(a, b)), a < b)
    shares, sums = [], {}
    for (u, a, b), way in once.items():
        others = [w for (v, c, d), w in once.items() if (c, d) == (a, b) and v != u]
        if others:
            shares.append(sum(w == way for w in others) / len(others))
            sums[u] = sums.get(u, 0) + 2 * shares[-1] - 1
    found = agreement(before, after, users, 6)
    assert found is not None
    assert found.events == len(shares)
    assert found.share == pytest.approx(sum(shares) / len(shares))
    assert found.z == pytest.approx(sum(sums.values()) / (2 * sum(s * s for s in sums.values())) ** 0.5)


def test_a_user_does_not_agree_with_herself():
    a, b = torch.ones(9, dtype=torch.long), torch.full((9,), 2)
    assert agreement(a, b, torch.ones(9, dtype=torch.long), 3) is None


def test_a_sample_of_users_is_said(plant, histories):
    found = order(plant(histories(key=torch.randperm(60))), most=100)
    assert (found.users, found.of_users) == (100, 300)
    assert "100 of 300 users" in str(found.table().rows[-1])
    assert ids(found)["ties_follow_a_fixed_order"] == "grave"


def test_columns_are_those_with_an_order(plant, histories):
    subject = plant(
        histories(),
        id=[f"x{i}" for i in range(60)],
        title=["Same"] * 60,
        genres=[["b"], ["a"], None] * 20,
        year=[None, *range(59)],
    )
    assert [c.column for c in order(subject).columns] == ["id", "row", "genres", "year", "popularity"]
