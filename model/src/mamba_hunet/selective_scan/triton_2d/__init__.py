"""The selective scan over images as Triton-language kernels: read `tile`, then `forward`, then `backward`.

One program scans one image in one direction for a block of channels. It walks the pixels in chunks of STEPS steps, laid
out as (step, channel, state): with CHANNELS * STATES threads each of them holds all steps of one state, so that the
scan of a chunk stays within registers and only sums over states or channels cross threads.

Needs the package ``triton`` (torch's CUDA builds for Linux bring it). `cuda_2d` launches the kernels.
"""
