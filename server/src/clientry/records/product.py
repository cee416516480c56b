"""Products: what the sold API consists of. They are configured, not stored."""

from collections.abc import Iterable, Iterator

from msgspec import Struct


class Product(Struct, frozen=True):
    """One product.

    Attributes:
        name: also the scope string that grants it.
        audience: how its resource servers call themselves in a token's `aud`.
        description: for people.
        retired: whether it is granted to no more clients; those that hold it keep it.
    """

    name: str
    audience: str
    description: str = ""
    retired: bool = False


class Catalogue:
    """The configured products, in their configured order."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._by_name = {product.name: product for product in products}
        self.names = tuple(self._by_name)

    @property
    def grantable(self) -> tuple[str, ...]:
        """The names of those that clients can still be given."""
        return tuple(product.name for product in self if not product.retired)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Product]:
        return iter(self._by_name.values())

    def audiences(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the audiences of these products, each once; a name that is not configured has none."""
        by_name = self._by_name
        return tuple(dict.fromkeys([by_name[name].audience for name in names if name in by_name]))
