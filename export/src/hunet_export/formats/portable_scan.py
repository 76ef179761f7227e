"""The selective scan over images in operators that every runtime has: products, sums, exponentials; no loop.

A scan of L pixels would be L steps one after another. Here the pixels are cut into runs of 16, and all runs advance
side by side. From a state of zero they give what each run adds to a state that passes through it; from that follow the
states at the runs' beginnings, by the same means and so on until 16 runs are left; then all runs advance again, each
from its true state. That is twice the arithmetic in a few dozen steps. Nothing is divided, and no exponential is taken
but of delta A and of its sums, so it is stable where the recurrence is.

Source of the recurrence: `mamba_hunet.selective_scan.selective_scan_2d`, which says what the arguments are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

RUN = 16
DIRECTIONS = 4


def portable_scan_2d(x: Tensor, projected: Tensor, dt_weight: Tensor, dt_bias: Tensor, A: Tensor, D: Tensor) -> Tensor:
    """`selective_scan_2d` for float32 images: same arguments, same result."""
    height, width, channels = x.shape[1:]
    dt_rank, d_state = dt_weight.shape[2], A.shape[1]
    u = torch.cat([_read(x, direction) for direction in range(DIRECTIONS)])
    step, B, C = torch.cat([_read(projected[:, :, :, direction], direction) for direction in range(DIRECTIONS)]).split(
        (dt_rank, d_state, d_state), dim=-1
    )
    weighted = torch.matmul(step.flatten(1, 2), dt_weight.transpose(1, 2))
    delta = F.softplus(weighted + dt_bias[:, None]).unflatten(1, (-1, height * width))
    rates = A.unflatten(0, (DIRECTIONS, channels)).transpose(1, 2)[:, None]
    y = _scan(delta, delta * u, B, C, rates) + u * D.view(DIRECTIONS, 1, 1, channels)
    pixels = [_place(sequence, direction, height, width) for direction, sequence in enumerate(y.split(1))]
    return pixels[0] + pixels[1] + pixels[2] + pixels[3]


def _read(image: Tensor, direction: int) -> Tensor:
    """The pixels in the order of a direction: (n, height, width, channels) -> (1, n, height * width, channels)."""
    sequence = (image.transpose(1, 2) if direction % 2 else image).flatten(1, 2)
    return (sequence.flip(1) if direction >= 2 else sequence)[None]


def _place(sequence: Tensor, direction: int, height: int, width: int) -> Tensor:
    """The inverse of `_read`."""
    ordered = (sequence.flip(2) if direction >= 2 else sequence).flatten(0, 1)
    if direction % 2:
        return ordered.unflatten(1, (width, height)).transpose(1, 2)
    return ordered.unflatten(1, (height, width))


def _scan(delta: Tensor, delta_u: Tensor, B: Tensor, C: Tensor, rates: Tensor) -> Tensor:
    """y[t] = C[t] . s[t] with s[t] = exp(delta[t] A) s[t-1] + B[t] delta_u[t], s[-1] = 0.

    Args:
        delta, delta_u: (4, n, length, channels).
        B, C: (4, n, length, d_state).
        rates: (4, 1, d_state, channels), A.

    Returns:
        y: (4, n, length, channels).
    """
    length = delta.shape[2]
    run = min(length, RUN)
    runs = -(-length // run)
    # A step of size zero, as those that fill the last run, leaves the state as it is.
    deltas, inputs, Bs, Cs = (_cut(tensor, run) for tensor in (delta, delta_u, B, C))
    delta_of_step, Bs_of_step = deltas.split(1, 2), Bs.transpose(2, 3).split(1, 3)
    added_by_step = [B_t * input_t for B_t, input_t in zip(Bs_of_step, inputs.split(1, 2), strict=True)]

    added = _advance(torch.zeros_like(added_by_step[0]), delta_of_step, added_by_step, rates)[-1]
    state = _states_before(deltas.sum(2).unflatten(1, (-1, runs)), added.unflatten(1, (-1, runs)), rates).flatten(1, 2)
    states = _advance(state, delta_of_step, added_by_step, rates)
    y = torch.cat([torch.matmul(C_t, s) for C_t, s in zip(Cs.split(1, 2), states, strict=True)], dim=2)
    return y.unflatten(1, (-1, runs)).flatten(2, 3)[:, :, :length]


def _states_before(delta: Tensor, added: Tensor, rates: Tensor) -> Tensor:
    """The state before each of several runs that follow one another.

    Args:
        delta: (4, n, runs, channels), the sum of each run's step sizes.
        added: (4, n, runs, d_state, channels), where the run leads from a state of zero.
        rates: (4, 1, d_state, channels), A.

    Returns:
        As `added`.
    """
    runs, d_state, channels = added.shape[2:]
    group = min(runs, RUN)
    groups = -(-runs // group)
    deltas = _cut(delta, group)
    addeds = _cut(added.flatten(3), group).unflatten(3, (d_state, channels)).flatten(2, 3)
    delta_of_run, added_by_run = deltas.split(1, 2), addeds.split(d_state, 2)

    state = torch.zeros_like(added_by_run[0])
    if groups > 1:
        ends = _advance(state, delta_of_run, added_by_run, rates)[-1]
        state = _states_before(
            deltas.sum(2).unflatten(1, (-1, groups)), ends.unflatten(1, (-1, groups)), rates
        ).flatten(1, 2)
    states = [state, *_advance(state, delta_of_run[:-1], added_by_run[:-1], rates)]
    by_group = torch.stack(states, dim=2).unflatten(1, (-1, groups))
    return by_group.flatten(2, 3)[:, :, :runs]


def _advance(state: Tensor, deltas: Sequence[Tensor], added: Sequence[Tensor], rates: Tensor) -> list[Tensor]:
    """The states after each of the steps."""
    states = []
    for delta_t, added_t in zip(deltas, added, strict=True):
        state = torch.exp(delta_t * rates) * state + added_t
        states.append(state)
    return states


def _cut(sequences: Tensor, run: int) -> Tensor:
    """(4, n, length, k) -> (4, n runs, run, k), with zeros where the last run is not full."""
    missing = -sequences.shape[2] % run
    filled = F.pad(sequences, (0, 0, 0, missing)) if missing else sequences
    return filled.unflatten(2, (-1, run)).flatten(1, 2)
