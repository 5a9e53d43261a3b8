import subprocess
import sys

import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import HEAD, LabelSpace
from robustbench_cls.data.label_spaces import competing, imagenet_1k, imagenet_subset, to_head


def test_imagenet_lists() -> None:
    names = imagenet_1k()
    assert len(set(names)) == 1000
    assert names[0] == "n01440764"
    assert list(names) == sorted(names)
    space = imagenet_subset("imagenet-a", "imagenet_a_indices.txt")
    assert len(set(space.class_names)) == 200
    assert [names.index(n) for n in space.class_names][:5] == [6, 11, 13, 15, 17]


def test_the_lists_need_no_timm_import() -> None:
    code = (
        "from robustbench_cls.data.label_spaces import imagenet_a; imagenet_subset("imagenet-a", "imagenet_a_indices.txt")\n"
        "import sys; sys.exit('timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_who_competes() -> None:
    head = ("a", "b", "c", "d")
    assert competing(HEAD, head, ("a",)).tolist() == [0, 1, 2, 3]
    assert competing(LabelSpace("x", ("d", "b")), head, ("a",)).tolist() == [1, 3]
    assert competing(LabelSpace("x", ("other",)), head, ("c", "a")).tolist() == [0, 2]


def test_classes_are_matched_by_name() -> None:
    assert to_head(("b", "a"), ("a", "b", "c"), "val").tolist() == [1, 0]


def test_index_folders_are_refused_with_the_cure() -> None:
    with pytest.raises(UserError, match="look like indices.*class-order"):
        to_head(tuple(str(i) for i in range(10)), imagenet_1k(), "imagenet")


def test_other_classes_are_counted() -> None:
    with pytest.raises(UserError, match=r"2 of 3 folders are not classes of the model \(x, y\)"):
        to_head(("a", "x", "y"), ("a", "b"), "val")
