"""From a trained checkpoint to a model that Triton serves.

`hunet export` (`commands`, `program`, `parity`, `publish`) writes one version directory of a Triton model
repository. `triton_backend` and `serving` answer requests from it and need nothing but torch and NumPy: no
training code. Both sides take names, shapes and queueing from one `description`. Research use only; not a
medical device.
"""

__version__ = "0.1.0"
