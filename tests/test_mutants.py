"""`make mutants` finds, for each module, tests that mirror it."""

from pathlib import Path

from tools.mutants import ROOT, SOURCE, annotations, mirrors


def test_every_module_has_tests_that_mirror_it() -> None:
    """Whatever module changes, the tests that are run on it are there, and a wing's own tests come before others."""
    for file in (ROOT / SOURCE).rglob("*.py"):
        module = file.relative_to(ROOT)
        assert list((ROOT / mirrors(module)).rglob("test_*.py")), module
    assert mirrors(SOURCE / "records" / "client.py") == "tests/records"
    assert mirrors(SOURCE / "http" / "pages" / "reference.py") == "tests/http/pages"
    assert mirrors(SOURCE / "storage" / "sqlite" / "writer.py") == "tests/storage"


def test_annotations_are_left_alone(tmp_path: Path) -> None:
    """Each annotation of a parameter, a result or a name is found where it stands: a change of one changes nothing."""
    module = tmp_path / "module.py"
    module.write_text("x: int | None = 1 | 2\n\n\ndef f(a: str | None) -> int | str:\n    return 1\n")
    assert sorted(annotations(module)) == [((1, 3), (1, 13)), ((4, 9), (4, 19)), ((4, 24), (4, 33))]
