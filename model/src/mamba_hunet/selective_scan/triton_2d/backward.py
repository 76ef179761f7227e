"""The adjoint of `forward.scan_direction`. With g[t] the gradient of the loss with respect to the state s[t],

    g[t]   = C[t] dy[t] + h[t+1]                       h[t] = exp(delta[t] A) g[t], what step t-1 gets of it
    dC[t]  = sum over channels of dy[t] s[t]           dB[t] = sum over channels of delta[t] u[t] g[t]
    du[t]  = D dy[t] + delta[t] (B[t] . g[t])          dA    = sum over t of delta[t] s[t-1] h[t]
    ddelta[t] = u[t] (B[t] . g[t]) + A . (s[t-1] h[t])

The states within a chunk are computed again from those before it.
"""

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
    scan_steps_backwards,
    softplus,
    softplus_slope,
)


@triton.jit
def from_step(tile, steps_on: tl.constexpr, beyond):
    """Each step gets what the step `steps_on` (1 or -1) further has; the one without such a neighbour gets `beyond`."""
    COUNT: tl.constexpr = tile.shape[0]
    source = tl.arange(0, COUNT) + steps_on
    outside = (source < 0) | (source >= COUNT)
    source = tl.where(outside, 0, source)[:, None, None]
    moved = tl.gather(tile, tl.broadcast_to(source, tile.shape), 0)
    return tl.where(outside[:, None, None], beyond[None, :, :], moved)


@triton.jit
def scan_direction_backwards(
    grad_y,  # (batch, pixels, channels)
    states,  # (batch, 4, chunks, channels, d_state) float32, those before each chunk
    x,  # (batch, pixels, channels)
    projected,  # (batch, pixels, 4, dt_rank + 2 d_state)
    dt_weight,  # (4, channels, dt_rank) float32
    dt_bias,  # (4, channels) float32
    A,  # (4, channels, d_state) float32
    D,  # (4, channels) float32
    grad_x,  # (4, batch, pixels, channels) float32, written: one direction's share, as all the following
    grad_projected,  # (blocks, batch, pixels, 4, dt_rank + 2 d_state) float32: one block of channels'
    grad_dt_weight,  # (batch, 4, channels, dt_rank) float32: one image's
    grad_dt_bias,  # (batch, 4, channels) float32
    grad_A,  # (batch, 4, channels, d_state) float32
    grad_D,  # (batch, 4, channels) float32
    height,
    width,
    channel_count,
    dt_rank: tl.constexpr,
    d_state: tl.constexpr,
    STEPS: tl.constexpr,
    CHANNELS: tl.constexpr,
    STATES: tl.constexpr,
    RANKS: tl.constexpr,
):
    """Grid: (blocks of CHANNELS channels, 4, batch)."""
    block = tl.program_id(0)
    direction = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    batch = tl.num_programs(2)
    pixel_count = height * width
    chunk_count = tl.cdiv(pixel_count, STEPS)
    channel = block * CHANNELS + tl.arange(0, CHANNELS)
    exists = channel < channel_count
    n = tl.arange(0, STATES)
    r = tl.arange(0, RANKS)
    of_direction = direction * channel_count
    w = load_matrix(dt_weight + of_direction * dt_rank, channel, channel_count, r, dt_rank)
    a = load_matrix(A + of_direction * d_state, channel, channel_count, n, d_state)
    bias = tl.load(dt_bias + of_direction + channel, exists, 0.0)
    skip = tl.load(D + of_direction + channel, exists, 0.0)
    size: tl.constexpr = dt_rank + 2 * d_state
    grad_x += (direction * batch + image) * pixel_count * channel_count

    h_after = tl.zeros((CHANNELS, STATES), tl.float32)
    sum_A = tl.zeros((CHANNELS, STATES), tl.float32)
    sum_w = tl.zeros((CHANNELS, RANKS), tl.float32)
    sum_bias = tl.zeros((CHANNELS,), tl.float32)
    sum_D = tl.zeros((CHANNELS,), tl.float32)
    for chunks_done in range(chunk_count):
        chunk = chunk_count - 1 - chunks_done
        kept = states + ((image * 4 + direction) * chunk_count + chunk) * channel_count * d_state
        s_before = load_matrix(kept, channel, channel_count, n, d_state)
        step = chunk * STEPS + tl.arange(0, STEPS)
        in_image = step < pixel_count
        pixel = pixel_of_step(step, height, width, direction)
        of_pixel = ((image * pixel_count + pixel) * 4 + direction) * size
        low_rank = load_projection(projected + of_pixel, in_image, r, dt_rank)
        B = load_projection(projected + of_pixel + dt_rank, in_image, n, d_state)
        C = load_projection(projected + of_pixel + dt_rank + d_state, in_image, n, d_state)
        u = load_pixels(x, image * pixel_count + pixel, in_image, channel, channel_count)
        dy = load_pixels(grad_y, image * pixel_count + pixel, in_image, channel, channel_count)
        raw = raw_steps(low_rank, w, bias)
        delta = tl.where(in_image[:, None], softplus(raw), 0.0)  # 0: a step that does nothing

        decay = decays(delta, a)
        s = scan_steps(decay, (delta * u)[:, :, None] * B[:, None, :], s_before)
        C_dy = dy[:, :, None] * C[:, None, :]
        h = scan_steps_backwards(decay, decay * C_dy, h_after)
        g = C_dy + from_step(h, 1, h_after)
        s_h = from_step(s, -1, s_before) * h
        h_after = at_step(h, 0)

        B_g = tl.sum(g * B[:, None, :], axis=2)
        d_delta = (u * B_g + tl.sum(s_h * a[None, :, :], axis=2)) * softplus_slope(raw)
        sum_A += tl.sum(s_h * delta[:, :, None], axis=0)
        sum_D += tl.sum(dy * u, axis=0)
        sum_bias += tl.sum(d_delta, axis=0)
        sum_w += tl.sum(d_delta[:, :, None] * low_rank[:, None, :], axis=0)
        d_u = skip[None, :] * dy + delta * B_g
        tl.store(grad_x + pixel[:, None] * channel_count + channel[None, :], d_u, in_image[:, None] & exists[None, :])

        to = (grad_projected + block.to(tl.int64) * batch * pixel_count * 4 * size + of_pixel)[:, None]
        of_rank = in_image[:, None] & (r < dt_rank)[None, :]
        of_state = in_image[:, None] & (n < d_state)[None, :]
        d_B = tl.sum((delta * u)[:, :, None] * g, axis=1)
        d_C = tl.sum(dy[:, :, None] * s, axis=1)
        tl.store(to + r[None, :], tl.sum(d_delta[:, :, None] * w[None, :, :], axis=1), of_rank)
        tl.store(to + dt_rank + n[None, :], d_B, of_state)
        tl.store(to + dt_rank + d_state + n[None, :], d_C, of_state)

    at = (image * 4 + direction) * channel_count + channel
    tl.store(grad_D + at, sum_D, exists)
    tl.store(grad_dt_bias + at, sum_bias, exists)
    tl.store(grad_A + at[:, None] * d_state + n[None, :], sum_A, exists[:, None] & (n < d_state)[None, :])
    tl.store(grad_dt_weight + at[:, None] * dt_rank + r[None, :], sum_w, exists[:, None] & (r < dt_rank)[None, :])
