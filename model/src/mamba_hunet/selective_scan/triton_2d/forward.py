"""The recurrence over one image in one direction, and the sum of the four directions."""

import triton
import triton.language as tl

from mamba_hunet.selective_scan.triton_2d.tile import (
    at_step,
    decays,
    load_matrix,
    load_pixels,
    load_projection,
    pixel_of_step,
    raw_steps,
    scan_steps,
    softplus,
)


@triton.jit
def scan_direction(
    x,  # (batch, pixels, channels)
    projected,  # (batch, pixels, 4, dt_rank + 2 d_state)
    dt_weight,  # (4, channels, dt_rank) float32
    dt_bias,  # (4, channels) float32
    A,  # (4, channels, d_state) float32
    D,  # (4, channels) float32
    y,  # (4, batch, pixels, channels) float32, written: one direction's share
    states,  # (batch, 4, chunks, channels, d_state) float32, written if KEEP_STATES: those before each chunk
    height,
    width,
    channel_count,
    dt_rank: tl.constexpr,
    d_state: tl.constexpr,
    STEPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    STATES: tl.constexpr,
    RANKS: tl.constexpr,
    KEEP_STATES: tl.constexpr,
):
    """Grid: (blocks of CHANNELS channels, 4, batch)."""
    direction = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    pixel_count = height * width
    chunk_count = tl.cdiv(pixel_count, STEPS)
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    exists = channel < channel_count
    n = tl.arange(0, STATES)
    r = tl.arange(0, RANKS)
    of_direction = direction * channel_count
    w = load_matrix(dt_weight + of_direction * dt_rank, channel, channel_count, r, dt_rank)
    a = load_matrix(A + of_direction * d_state, channel, channel_count, n, d_state)
    bias = tl.load(dt_bias + of_direction + channel, exists, 0.0)
    skip = tl.load(D + of_direction + channel, exists, 0.0)
    y += (direction * tl.num_programs(2) + image) * pixel_count * channel_count

    s = tl.zeros((CHANNELS, STATES), tl.float32)
    for chunk in range(chunk_count):
        if KEEP_STATES:
            kept = states + ((image * 4 + direction) * chunk_count + chunk) * channel_count * d_state
            tl.store(kept + channel[:, None] * d_state + n[None, :], s, exists[:, None] & (n < d_state)[None, :])
        step = chunk * STEPS + tl.arange(0, STEPS)
        in_image = step < pixel_count
        pixel = pixel_of_step(step, height, width, direction)
        projection = projected + ((image * pixel_count + pixel) * 4 + direction) * (dt_rank + 2 * d_state)
        low_rank = load_projection(projection, in_image, r, dt_rank)
        B = load_projection(projection + dt_rank, in_image, n, d_state)
        C = load_projection(projection + dt_rank + d_state, in_image, n, d_state)
        u = load_pixels(x, image * pixel_count + pixel, in_image, channel, channel_count)
        delta = tl.where(in_image[:, None], softplus(raw_steps(low_rank, w, bias)), 0.0)  # 0: a step that does nothing
        s_of_step = scan_steps(decays(delta, a), (delta * u)[:, :, None] * B[:, None, :], s)
        share = skip[None, :] * u + tl.sum(s_of_step * C[:, None, :], axis=2)
        tl.store(y + pixel[:, None] * channel_count + channel[None, :], share, in_image[:, None] & exists[None, :])
        s = at_step(s_of_step, STEPS - 1)


@triton.jit
def add_directions(shares, total, count, BLOCK: tl.constexpr):
    """total[i] = the sum of the four shares[k, i], always in that order, rounded once to total's type."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < count
    sum_of_shares = tl.load(shares + i, inside)
    for _ in range(3):
        shares += count
        sum_of_shares += tl.load(shares + i, inside)
    tl.store(total + i, sum_of_shares.to(total.dtype.element_ty), inside)
