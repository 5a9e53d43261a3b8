import numpy as np
import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.data.sample_photos import NAMES, photos, sample_photos


def test_the_free_photos_are_there() -> None:
    assert [file.name for file in sample_photos()] == list(NAMES)


def test_more_than_there_are_come_mirrored() -> None:
    drawn = [np.array(photo) for photo in photos(None, 5, 64)]
    assert {photo.shape for photo in drawn} == {(64, 64, 3)}
    np.testing.assert_array_equal(drawn[4], drawn[0][:, ::-1])
    assert not np.array_equal(drawn[1], drawn[0])


def test_photos_of_the_user(make_folder, tmp_path) -> None:
    with pytest.raises(UserError, match="No images"):
        photos(tmp_path, 2, 40)
    root = make_folder(tmp_path / "mine")
    assert len(photos(root, 3, 40)) == 3
    (root / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"cat/0\.png is not a readable image"):
        photos(root, 1, 40)
    with pytest.raises(UserError, match="can't be read"):
        (root / "cat" / "0.png").unlink()
        (root / "cat" / "0.png").mkdir()
        photos(root, 1, 40)
