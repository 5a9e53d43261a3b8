import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import HEAD, LabelSpace
from robustbench_cls.data.label_spaces import answers_of, imagenet_1k, imagenet_subset, members_sha256, to_head


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
        "from robustbench_cls.data.label_spaces import imagenet_subset\n"
        "imagenet_subset('imagenet-a', 'imagenet_a_indices.txt')\n"
        "import sys; sys.exit('timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_any_subset_that_timm_lists() -> None:
    names = set(imagenet_1k())
    folder = Path(str(importlib.util.find_spec("timm").origin)).parent / "data" / "_info"
    for listed in ("imagenet_a_indices.txt", "imagenet_r_indices.txt", "mini_imagenet_indices.txt"):
        space = imagenet_subset("mine", listed)
        assert space.name == "mine" and set(space.class_names) < names
        synsets = (folder / listed.replace("indices", "synsets")).read_text().split()
        assert set(space.class_names) == set(synsets)


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ("imagenet_z_indices.txt", "has no list .* Its lists: .*imagenet_a_indices.txt"),
        ("imagenet_synsets.txt", "has no list of class indices"),
        ("imagenet22k_to_12k_indices.txt", "no list of classes of ImageNet-1k"),
    ],
)
def test_lists_that_are_none(listed: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        imagenet_subset("mine", listed)


def test_what_may_be_answered() -> None:
    head = ("a", "b", "c", "d")
    assert answers_of(HEAD, head, ("a",), "s").whole
    some = answers_of(LabelSpace("x", ("d", "b")), head, ("a",), "s")
    assert (some.names, some.numbers.tolist(), some.numbered) == (("b", "d"), [1, 3], head)
    assert answers_of(LabelSpace("x", ("other",)), head, ("c", "a"), "s").numbers.tolist() == [0, 2]
    made = answers_of(LabelSpace("x", categories=(("late", ("d", "c")), ("early", ("a",)))), head, (), "s")
    assert (made.numbers.tolist(), made.numbered, made.groups) == ([0, 1], ("late", "early"), ((3, 2), (0,)))
    assert made.number_of_class().tolist() == [1, -1, 0, 0]
    with pytest.raises(UserError, match=r"categories made of 2 classes of ImageNet; the model lacks 1 of them, z"):
        answers_of(LabelSpace("x", categories=(("late", ("d", "z")),)), head, (), "s")


def test_the_members_of_categories_are_in_a_digest() -> None:
    def digest(*members: str) -> str:
        return members_sha256(LabelSpace("x", categories=(("late", members), ("early", ("a",)))))

    assert len({digest("d", "c"), digest("d"), digest("c", "d"), members_sha256(HEAD)}) == 4
    assert members_sha256(HEAD) == members_sha256(LabelSpace("x", ("a",))) == ""


def test_classes_are_matched_by_name() -> None:
    assert to_head(("b", "a"), ("a", "b", "c"), "val").tolist() == [1, 0]


def test_index_folders_are_refused_with_the_cure() -> None:
    with pytest.raises(UserError, match="look like indices.*class-order"):
        to_head(tuple(str(i) for i in range(10)), imagenet_1k(), "imagenet")


def test_other_classes_are_counted() -> None:
    with pytest.raises(UserError, match=r"2 of 3 folders are not classes of the model \(x, y\)"):
        to_head(("a", "x", "y"), ("a", "b"), "val")
