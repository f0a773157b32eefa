"""Where an item stands in its row: places to learn vectors for, and what attention makes of distances."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def from_start(real: Bool[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """0 for a row's first item, 1 for the next; 0 for padding too."""
    return real.cumsum(1).sub(1).clamp(min=0)


def from_end(length: int, device: torch.device) -> Int[Tensor, "T"]:
    """0 for the last column, 1 for the one before it."""
    return torch.arange(length - 1, -1, -1, device=device)


def rotate(x: Float[Tensor, "B H T C"]) -> Float[Tensor, "B H T C"]:
    """Rotary positions: channels c and c + C/2 turn by place / 10000^(2c/C) (Su et al., Neurocomputing 2024, eq. 15).

    A product of two rotated vectors depends on their distance alone. Places count from the last column, so that more
    padding changes no number.
    """
    length, channels = x.shape[-2:]
    speed = 10000.0 ** (-torch.arange(0, channels, 2, device=x.device) / channels)
    angle = from_end(length, x.device).neg()[:, None] * speed
    cos, sin = angle.cos(), angle.sin()
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1).to(x.dtype)


def alibi(heads: int, length: int, device: torch.device) -> Float[Tensor, "H T T"]:
    """Linear biases: -2^(-8h / heads) times the distance in head h = 1, 2, ... (Press et al., ICLR 2022, section 3).

    The same to both sides, for passes that are not causal.
    """
    place = torch.arange(length, device=device)
    slope = 2.0 ** (-8.0 * torch.arange(1, heads + 1, device=device) / heads)
    return -slope[:, None, None] * (place[:, None] - place).abs()
