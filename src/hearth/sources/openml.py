"""Tables of OpenML, by their number, with scikit-learn's client."""

import warnings
from pathlib import Path
from urllib.error import URLError

import pyarrow as pa
from sklearn.datasets import fetch_openml
from sklearn.datasets._openml import OpenMLError

from hearth.errors import SourceError
from hearth.sources.fetched import Fetched
from hearth.sources.written import from_arrow


def download(number: int, folder: Path) -> Fetched:
    """Download the table of ``data.openml.id`` into ``folder``; a number of OpenML is one version for ever.

    Raises:
        SourceError: there is none of that number, it is sparse, or OpenML is out of reach.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what OpenML thinks of its tables is told on its page
            bunch = fetch_openml(data_id=number, as_frame=True, parser="pandas", data_home=str(folder / "openml"), n_retries=2)
    except OpenMLError as error:
        raise SourceError(f"data.openml.id: OpenML has no table {number} that is active: {error}") from error
    except URLError as error:
        raise SourceError(
            f"OpenML cannot be reached ({error.reason}): check the network and try again, or download the file by hand, set "
            "data.source: csv and name it in data.csv.path"
        ) from error
    except ValueError as error:  # sparse, or its bytes are not those of its sum
        raise SourceError(f"data.openml.id: table {number} cannot be used: {error}") from error
    table = pa.Table.from_pandas(bunch.frame, preserve_index=False)
    path = folder / "table.csv"
    from_arrow(table.to_batches(), table.schema, path, f"table {number} of OpenML")
    return Fetched(path=path, source="openml", where=f"https://www.openml.org/d/{number}", version=str(number))
