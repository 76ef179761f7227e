"""What the steps of a chunk compute with: pixels in reading order, decay, softplus, and what is loaded from memory."""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def pixel_of_step(step, height, width, direction):
    """Which pixel a direction reads at a step: along rows (0), along columns (1), or those backwards (2 and 3)."""
    ordinal = tl.where(direction >= 2, height * width - 1 - step, step)
    return tl.where(direction % 2 == 1, ordinal % height * width + ordinal // height, ordinal)


@triton.jit
def softplus(x):
    """log(1 + exp(x)), relatively accurate on both sides of 0.

    log(1 + e) is 2 artanh(e / (2 + e)), here as a series: the quotient is at most 1/3. GPUs' own logarithm loses small
    values beside 1, and step sizes are such values.
    """
    e = tl.exp(-tl.abs(x))
    s = e / (2 + e)
    q = s * s
    series = 1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q / 13)))))
    return tl.maximum(x, 0.0) + 2 * s * series


@triton.jit
def softplus_slope(x):
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0, 1 / (1 + e), e / (1 + e))


@triton.jit
def decays(delta, A):
    """exp(delta A), (steps, channels, states), from (steps, channels) and (channels, states)."""
    return tl.exp2(delta[:, :, None] * (A * LOG2_E)[None, :, :])


@triton.jit
def load_matrix(pointer, rows, row_count, columns, column_count):
    """Rows and columns of a contiguous (row_count, column_count) matrix, float32; 0 beyond its ends."""
    inside = (rows < row_count)[:, None] & (columns < column_count)[None, :]
    return tl.load(pointer + rows[:, None] * column_count + columns[None, :], inside, 0.0).to(tl.float32)


@triton.jit
def load_pixels(pointer, pixels, exist, channels, channel_count):
    """Some channels of some pixels of a map, (pixels, channels) float32; 0 where there are none."""
    inside = exist[:, None] & (channels < channel_count)[None, :]
    return tl.load(pointer + pixels[:, None] * channel_count + channels[None, :], inside, 0.0).to(tl.float32)


@triton.jit
def load_projection(rows, exist, columns, count):
    """`count` numbers from each of some pointers on, (rows, columns) float32; 0 where there are none."""
    inside = exist[:, None] & (columns < count)[None, :]
    return tl.load(rows[:, None] + columns[None, :], inside, 0.0).to(tl.float32)


@triton.jit
def raw_steps(low_rank, dt_weight, dt_bias):
    """Step sizes before softplus, (steps, channels), from (steps, ranks), (channels, ranks) and (channels)."""
    return dt_bias[None, :] + tl.sum(dt_weight[None, :, :] * low_rank[:, None, :], axis=2)


@triton.jit
def compose(decay, value, next_decay, next_value):
    """Two steps of s -> decay s + value as one."""
    return decay * next_decay, next_decay * value + next_value


@triton.jit
def scan_steps(decay, value, before):
    """s[t] = decay[t] s[t-1] + value[t] along axis 0, where `before` is s[-1]."""
    first = tl.arange(0, decay.shape[0])[:, None, None] == 0
    value = tl.where(first, value + decay * before[None, :, :], value)
    return tl.associative_scan((decay, value), 0, compose)[1]


@triton.jit
def scan_steps_backwards(decay, value, after):
    """s[t] = decay[t] s[t+1] + value[t] along axis 0, where `after` is what follows the last."""
    last = tl.arange(0, decay.shape[0])[:, None, None] == decay.shape[0] - 1
    value = tl.where(last, value + decay * after[None, :, :], value)
    return tl.associative_scan((decay, value), 0, compose, reverse=True)[1]


@triton.jit
def at_step(tile, step: tl.constexpr):
    """One step of (steps, channels, states)."""
    return tl.sum(tl.where(tl.arange(0, tile.shape[0])[:, None, None] == step, tile, 0.0), axis=0)
