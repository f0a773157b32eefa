"""Files that are one JSON object: read, or refused with the place where they break."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssrec.data.files.json_files import read_json_lists, read_json_object
from ssrec.errors import DataError

BROKEN = (b'{"4": [1, 2', b"\xff\xfe\x00", b"", b"[1]", b"{}", b"[" * 100_000, b'{"4": ' + b"9" * 5000 + b"}")


def test_lists(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"4": [1, 2], "83": []}')
    assert read_json_lists(file) == {4: ["1", "2"], 83: []}
    assert read_json_object(file) == {"4": [1, 2], "83": []}
    for content in (*BROKEN, b'{"a": [1]}', b'{"4": 1}', b'{"4": [[1]]}', b'{"4": [null]}', b'{"4": ["\\ud800"]}'):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.json"):
            read_json_lists(file)


def test_the_place_is_named(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"4": [1],\n "5": [1 2]}')
    with pytest.raises(DataError, match=r"a\.json, line 2, column 10: no JSON.*, in row . .5"):
        read_json_object(file)
    with pytest.raises(DataError, match="none cannot be read: No such file"):
        read_json_object(tmp_path / "none")


@given(content=st.one_of(st.binary(max_size=40), st.dictionaries(st.text(max_size=2), st.lists(st.text(max_size=2)))))
def test_any_content_is_read_right_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("any") / "t"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    try:
        got = read_json_lists(file)
    except DataError:
        return
    assert got == {int(k): [str(x) for x in v] for k, v in json.loads(file.read_bytes()).items()}
