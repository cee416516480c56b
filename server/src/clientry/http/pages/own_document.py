"""Our own OpenAPI document as one server fulfils it: its URL, its products, and the departures told in the description."""

import json
from importlib.resources import files
from typing import Any, Final

from clientry.records.product import Catalogue
from clientry.records.scope import RESOURCES

Node = dict[str, Any]
"""An object of the document."""

_EXAMPLE_URL: Final = "https://auth.example.com"
_EXAMPLE_PRODUCT: Final = "SuperSIM"


def own_document(public_url: str, catalogue: Catalogue) -> Node:
    """Return the document for one server.

    Args:
        public_url: where the server is.
        catalogue: the products that its clients may have; without any, the published ones stay as examples.
    """
    text = (files("clientry") / "contract" / "clientry.openapi.json").read_text(encoding="utf-8")
    text = text.replace(_EXAMPLE_URL, public_url)
    if catalogue.grantable:
        text = text.replace(json.dumps(_EXAMPLE_PRODUCT), json.dumps(catalogue.grantable[0]))
    document: Node = json.loads(text)
    document["servers"] = [{"url": public_url, "description": "This server"}]
    flow = document["components"]["securitySchemes"]["Auth"]["flows"]["clientCredentials"]
    flow["tokenUrl"] = public_url + flow["tokenUrl"]
    if catalogue.names:
        resources = {name: text for name, text in flow["scopes"].items() if name in RESOURCES}
        products = {product.name: product.description or f"The product {product.name}." for product in catalogue}
        flow["scopes"] = resources | products
    if catalogue.grantable:
        create = document["components"]["schemas"]["CreateClient"]["properties"]
        create["scopes"]["properties"]["products"]["items"]["enum"] = list(catalogue.grantable)
    return document


def with_departures_told(document: Node) -> Node:
    """Return the document with its departures in the description too, where every tool shows them."""
    told = [f"{each['id']}. {each['what']} {each['why']}" for each in document["x-departures"]]
    text = "\n\n".join((document["info"]["description"], "## Departures from the published document", *told))
    return {**document, "info": {**document["info"], "description": text}}
