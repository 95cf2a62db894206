"""The formulas of proximal policy optimisation on replies: tensors of shape (replies, tokens), with a mask.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms"; Schulman et al. 2016, "High-Dimensional Continuous
Control Using Generalized Advantage Estimation"; the reward of each token as in Ziegler et al. 2019, section 2.
A mask is 1 on the tokens of a reply, its end token included, and 0 on the padding behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALL = 1e-8


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over the tokens of all replies: a scalar."""
    return (values * mask).sum() / mask.sum()


def token_logprobs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """Give log pi(token) under logits (replies, tokens, vocabulary): (replies, tokens), in nats."""
    scaled = torch.log_softmax(logits.float() / temperature, dim=-1)
    return scaled.gather(-1, tokens[..., None])[..., 0]


def token_rewards(scores: Tensor, logprobs: Tensor, reference: Tensor, mask: Tensor, kl: float) -> Tensor:
    """Give each token its reward: r_t = -kl (log pi(a_t) - log pi_ref(a_t)), and the score on the last token.

    ``scores`` (replies,) are those of whole replies. E[log pi - log pi_ref] under pi is the Kullback-Leibler divergence
    from the reference policy.
    """
    rewards = -kl * (logprobs - reference) * mask
    last = mask.sum(dim=1).long() - 1
    rewards[torch.arange(len(rewards)), last] += scores
    return rewards


def advantages(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Tensor:
    """Give generalised advantages: A_t = d_t + gamma lam A_(t+1), d_t = r_t + gamma V_(t+1) - V_t.

    Behind the last token value and advantage are 0. ``A + V`` is what the values should have been.
    """
    found = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    after = torch.zeros_like(rewards[:, 0])
    for step in range(rewards.shape[1] - 1, -1, -1):
        delta = rewards[:, step] + gamma * after - values[:, step]
        following = (delta + gamma * lam * following) * mask[:, step]
        found[:, step] = following
        after = values[:, step] * mask[:, step]
    return found


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale to mean 0 and standard deviation 1 over the tokens of all replies; padding stays 0."""
    mean = masked_mean(values, mask)
    deviation = masked_mean((values - mean) ** 2, mask).sqrt()
    return (values - mean) / (deviation + SMALL) * mask


def clipped_loss(
    logprobs: Tensor, old: Tensor, advantage: Tensor, mask: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Give the clipped objective as a loss, -E[min(q A, clamp(q, 1 - clip, 1 + clip) A)], q = exp(new - old).

    Equation 7 of Schulman et al. 2017, averaged over tokens; and the share of tokens on which the clamp decides.
    """
    ratio = torch.exp(logprobs - old)
    free, clamped = ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage
    return -masked_mean(torch.minimum(free, clamped), mask), masked_mean((clamped < free).float(), mask)
