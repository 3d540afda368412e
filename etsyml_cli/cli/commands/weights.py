"""`etsyml weights`."""

from __future__ import annotations

from typing import Any

from etsyml_cli.cli import options, show
from etsyml_cli.cli.given import refuse, refuse_force_without_out
from etsyml_cli.cli.session import common_options, session


@common_options
def weights(
    model: options.Model = None,
    impressions: options.Impressions = None,
    searches: options.Searches = None,
    listings: options.Listings = None,
    images: options.Images = None,
    k: options.TopK = 20,
    out: options.Out = None,
    force: options.Force = False,
) -> None:
    """Show the largest weights of a click model.

    With --out all weights are written as text, one per line. Features are named from the rows of the log; a
    feature that occurs in no row has no name.

    \b
    Examples:
      etsyml weights
      etsyml weights -k 100 --json
      etsyml weights --out weights.tsv
    """
    from etsyml_cli.ads.store import manifest_of
    from etsyml_cli.ads.weights import model_weights, write_weights
    from etsyml_cli.photos.choose import features_of_model

    refuse_force_without_out(out=out)
    if out is not None:
        refuse("with --out, which writes all weights", "k")
    place = session.workspace
    ctr = model or place.model("ctr")
    logs = {"impressions": impressions, "searches": searches}
    source = "searches" if "searches" in manifest_of(ctr).plan.inputs else "impressions"
    refuse(f"on a model of {source}", *(logs.keys() - {source}))
    inputs: dict[str, Any] = {
        "model": ctr,
        "log": logs[source] or place.table(source),
        "listings": listings or place.table_if_exists("listings"),
        "images": images or features_of_model(ctr, place.all_images()),
    }
    if out is not None:
        show.summary(write_weights(**inputs, out=out, force=force))
        return
    found = model_weights(**inputs)[:k]
    if session.json:
        show.print_json({"schema_version": show.SCHEMA_VERSION, "weights": found})
    elif show.is_interactive():
        rows = [[one.model, f"{one.weight:+.4f}", " | ".join(one.features) or f"slot {one.slot}"] for one in found]
        show.table(str(ctr), ["model", "weight", "features"], rows, numbers_from=9)
    else:
        for one in found:
            show.print_json(one)
