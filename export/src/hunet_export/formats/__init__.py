"""The same network for other runtimes: `hunet export --format`.

`catalogue` lists the formats, `write` makes a model's folder for a stock Triton, and `answers` loads one where there is
no training code. Each program gives all outputs of the one description, so that no code of ours has to run where it is
served.
"""
