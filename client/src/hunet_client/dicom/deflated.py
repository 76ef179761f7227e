"""How much a deflated DICOM file would inflate to, found out without holding it.

pydicom inflates a data set of the transfer syntax Deflated Explicit VR Little Endian (DICOM PS3.5 section A.5) whole,
to a thousand times the file's size where somebody wants it so.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

# Where `dcmread` takes the data set to begin is what counts, not where the group length says that it does.
from pydicom.filereader import _read_command_set_elements, _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

_PIECE_BYTES = 1024 * 1024


def inflates_beyond(file: BinaryIO, max_bytes: int) -> bool:
    """Whether a DICOM file (PS3.10), open at its beginning, holds a deflated data set of over `max_bytes`.

    Raises whatever a damaged file makes pydicom and zlib raise.
    """
    read_preamble(file, force=False)
    if _read_file_meta_info(file).get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return False
    _read_command_set_elements(file)
    inflater, inflated_bytes = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (piece := inflater.unconsumed_tail or file.read(_PIECE_BYTES)):
        inflated_bytes += len(inflater.decompress(piece, _PIECE_BYTES))
        if inflated_bytes > max_bytes:
            return True
    return False
