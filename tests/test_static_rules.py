"""Rules that no linter knows: read from the source, so that new code is covered without being told."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "server" / "src" / "clientry"
MODULES = sorted(SOURCE.rglob("*.py"))

SECRET_WORDS = ("secret", "verifier", "password", "pepper", "digest", "signature", "token")
PUBLIC_WORDS = ("secret_id", "secret_prefix", "token_lifetime", "token_type", "tokens_valid_from", "token_id")
SECRET_FIELDS = ("client_secret", "secret", "password", "pepper")


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def said(node: ast.expr) -> str:
    """Return the name that an expression ends in, behind indices: `a.secret[3:]` says `secret`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_secret(node: ast.expr) -> bool:
    name = said(node)
    return name not in PUBLIC_WORDS and any(name.lower().rstrip("s").endswith(word) for word in SECRET_WORDS)


def secret_comparisons(tree: ast.Module) -> list[str]:
    """Return every `==`, `!=` and `in` between a secret and something that is no constant."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops)
        and any(is_secret(side) for side in (node.left, *node.comparators))
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
    ]


PUBLIC_COMPARISONS = {
    # A checksum, which everybody can compute, against the end of a text that its sender has just sent.
    ("records/secret.py", "_checksum(secret[:-_CHECK_DIGITS]) == secret[-_CHECK_DIGITS:]"),
}


def test_o05_secrets_are_not_compared_with_equals() -> None:
    """ASVS 11.2.4, CVE-2016-7036: what is secret is compared in constant time only."""
    found = {(path, comparison) for path, tree in trees() for comparison in secret_comparisons(tree)}
    assert found == PUBLIC_COMPARISONS


@pytest.mark.parametrize(
    "code",
    [
        "secret == other",
        "a.secret == b.secret",
        "x.client_secret != given",
        "verifier in known",
        "stored[0].verifier == mine[1:]",
    ],
)
def test_the_rule_about_equals_sees_what_it_forbids(code: str) -> None:
    """The rule above can fail."""
    assert secret_comparisons(ast.parse(code)) == [code]


def test_o09_whatever_carries_a_secret_keeps_it_out_of_its_repr() -> None:
    """A class with a field for a secret writes its own repr, and the field is not in it."""
    for path, tree in trees():
        for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            fields = {
                item.target.id
                for item in kind.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
            secrets = fields.intersection(SECRET_FIELDS)
            if not secrets:
                continue
            reprs = [item for item in kind.body if isinstance(item, ast.FunctionDef) and item.name == "__repr__"]
            assert reprs, f"{path}: {kind.name} has {secrets} and no __repr__"
            shown = {node.attr for node in ast.walk(reprs[0]) if isinstance(node, ast.Attribute)}
            assert not shown & secrets, f"{path}: {kind.name} shows {shown & secrets}"


def test_nothing_is_executed_from_text() -> None:
    """No eval, exec, pickle, marshal, shell or unsafe YAML anywhere in the server."""
    forbidden = {"eval", "exec", "compile", "pickle", "marshal", "os.system", "shelve", "subprocess"}
    found = {
        (path, name) for path, tree in trees() for node in ast.walk(tree) for name in _used(node) if name in forbidden
    }
    assert found == set()


def _used(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
        case ast.Call(func=ast.Name(id=name)):
            return [name]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
            return [f"{module}.{name}"]
        case _:
            return []
