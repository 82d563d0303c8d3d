import io
import struct
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest

from workers.compression.archive_checks import MAX_ENTRIES
from workers.compression.archives import members, unpack
from workers.compression.errors import CompressionError


def read(opened):
    with opened() as file:
        return file.read()


def refusal(path: Path) -> str:
    with pytest.raises(CompressionError) as caught:
        for _, is_folder, opened in members(path):
            if not is_folder:
                read(opened)
    assert caught.value.hint
    return caught.value.code


def tarred(path: Path, *infos: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(b"\0" * info.size))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "/etc/passwd",
        "a\\..\\..\\evil.png",
        "C:\\a\\evil.png",
        "C:a/evil.png",
    ],
)
def test_a_path_outside_the_archive_is_refused_and_nothing_is_written(zipped, tmp_path, name):
    path = zipped({"a/1.png": b"x", name: b"evil"})
    with pytest.raises(CompressionError) as caught:
        unpack(path, tmp_path / "deep" / "out")
    assert caught.value.code == "unsafe_archive"
    assert not list(tmp_path.rglob("evil.png"))


def test_a_link_in_a_tar_is_refused(tmp_path):
    link = tarfile.TarInfo("a/link.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    assert refusal(tarred(tmp_path / "links.tar.gz", link)) == "unsafe_archive"


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("a/link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refusal(tmp_path / "links.zip") == "unsafe_archive"


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"a/{i}.png", bytes(64 * 1024**2))
    assert (tmp_path / "bomb.zip").stat().st_size < 1024**2
    assert refusal(tmp_path / "bomb.zip") == "archive_too_large"


def test_a_tar_bomb_is_refused_before_it_unpacks(tmp_path):
    info = tarfile.TarInfo("a/1.png")
    info.size = 100 * 1024**2
    assert refusal(tarred(tmp_path / "bomb.tar.gz", info)) == "archive_too_large"


def test_too_many_entries_are_refused_by_their_count_alone(tmp_path):
    name = b"a/1.png"
    entry = (
        struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0
        )
        + name
    )
    count = 2_000_000
    directory = entry * count
    zip64 = struct.pack(
        "<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), 0
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    (tmp_path / "many.zip").write_bytes(directory + zip64 + locator + end)
    assert count > MAX_ENTRIES
    assert refusal(tmp_path / "many.zip") == "too_many_entries"


def test_an_encrypted_zip_is_refused(zipped):
    path = zipped({"a/1.png": b"x"})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert refusal(path) == "unsafe_archive"


@pytest.mark.parametrize("content", [b"", b"just some text" * 100])
def test_a_file_that_is_not_an_archive_is_refused(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    assert refusal(tmp_path / "x.zip") == "not_an_archive"


def test_a_truncated_tar_is_refused(tmp_path):
    info = tarfile.TarInfo("a/1.png")
    info.size = 1024
    path = tarred(tmp_path / "cut.tar.gz", info)
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(path) == "not_an_archive"


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_each_kind_of_archive_is_read(tmp_path, kind):
    import shutil

    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "1.png").write_bytes(b"content")
    path = Path(shutil.make_archive(str(tmp_path / "out"), kind, tmp_path / "in"))
    found = {str(name): read(opened) for name, is_folder, opened in members(path) if not is_folder}
    assert found == {"a/1.png": b"content"}


def test_a_tar_with_a_damaged_header_is_refused_and_not_cut_short(tmp_path):
    with tarfile.open(tmp_path / "broken.tar", "w") as archive:
        for i in range(6):
            info = tarfile.TarInfo(f"a/{i}.png")
            info.size = 100
            archive.addfile(info, io.BytesIO(bytes(100)))
    raw = bytearray((tmp_path / "broken.tar").read_bytes())
    raw[3 * 1024 + 148 : 3 * 1024 + 156] = b"garbage!"
    (tmp_path / "broken.tar").write_bytes(raw)
    assert refusal(tmp_path / "broken.tar") == "not_an_archive"


def test_a_huge_tar_header_is_refused_before_it_is_read(tmp_path):
    info = tarfile.TarInfo("a/1.png")
    info.pax_headers = {"comment": "x" * 5 * 1024**2}
    with tarfile.open(tmp_path / "pax.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    assert refusal(tmp_path / "pax.tar.gz") == "unsafe_archive"


def test_the_hint_names_a_compression_method_that_can_be_read(tmp_path):
    deflate64 = struct.pack("<H", 9)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/1.png", b"x")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    for header, method in ((content.index(b"PK\x03\x04"), 8), (content.index(b"PK\x01\x02"), 10)):
        content[header + method : header + method + 2] = deflate64
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(CompressionError, match="cannot be read") as caught:
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert (caught.value.code, "Deflate" in caught.value.hint) == ("not_an_archive", True)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_written_by_macos_is_read(tmp_path, form):
    accented = unicodedata.normalize(form, "é").encode()
    placeholder = b"_" * len(accented)
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as archive:
        archive.writestr(f"caf{placeholder.decode()}/1.png", b"x")
    content = (tmp_path / "mac.zip").read_bytes()
    (tmp_path / "mac.zip").write_bytes(content.replace(b"caf" + placeholder, b"caf" + accented))
    assert [str(name) for name, *_ in members(tmp_path / "mac.zip")] == ["café/1.png"]


def test_names_that_collide_are_refused(zipped, tmp_path):
    with pytest.raises(CompressionError) as caught:
        unpack(zipped({"a": b"file", "a/b": b"below it"}), tmp_path / "out")
    assert caught.value.code == "unsafe_archive"


def test_an_entry_without_a_name_is_refused(zipped):
    path = zipped({"NAMELESS": b"x"})
    path.write_bytes(path.read_bytes().replace(b"NAMELESS", b"\0AMELESS"))
    with pytest.raises(CompressionError) as caught:
        list(members(path))
    assert caught.value.code == "unsafe_archive"
