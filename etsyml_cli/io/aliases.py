"""Names of columns in other systems and languages, for the proposals of `ingest --check`; the best first."""

PRODUCT_IDS = (
    *("product_id", "product", "book_id", "movie_id", "track_id", "article_id", "parent_asin", "asin", "handle"),
    *("id", "sku", "artikelnummer"),
)
REVIEWER_IDS = ("reviewer_id", "client_id", "member_id")
TITLES = (
    *("name", "item_name", "product_name", "product_title", "movie_title", "book_title", "headline"),
    *("titel", "produktname", "artikelname", "titre", "nom", "título", "nombre"),
)
BRANDS = ("brand", "vendor", "publisher", "marke", "marque", "marca")
TAGS = ("tag", "keywords", "class", "genres", "genre", "schlagwörter", "étiquettes", "etiquetas")
DESCRIPTIONS = ("desc", "body", "body_html", "text", "beschreibung", "descripción")
CATEGORIES = (
    *("cat", "categories", "taxonomy", "article_type"),
    *("kategorie", "kategorien", "catégorie", "catégories", "categoría", "categorías"),
)
PRICES = ("cost", "amount", "regular_price", "variant_price", "preis", "prix", "precio")
CURRENCIES = ("currency_code", "währung", "devise", "moneda")
QUANTITIES = (
    *("stock", "inventory", "qty", "inventory_quantity", "variant_inventory_qty"),
    *("menge", "bestand", "quantité", "cantidad"),
)
