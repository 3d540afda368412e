"""Hour and day of the week of the time of a row, in UTC."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.features.derived.column import DerivedColumn

HOUR = DerivedColumn(pc.hour, pa.int64())
WEEKDAY = DerivedColumn(pc.day_of_week, pa.int64())  # 0 is Monday
