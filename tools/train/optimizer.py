"""Muon for the matrices of the layers, AdamW for the embedding and the norms."""

import torch


def orthogonalise(gradients: torch.Tensor) -> torch.Tensor:
    """Moves every singular value of a stack of matrices towards 1 (Newton-Schulz iteration)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    # Most processors without an accelerator are slow at 16-bit products.
    matrices = gradients.bfloat16() if gradients.is_cuda else gradients
    tall = matrices.shape[-2] > matrices.shape[-1]
    matrices = matrices.mT if tall else matrices
    matrices = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        product = matrices @ matrices.mT
        matrices = a * matrices + (b * product + c * product @ product) @ matrices
    return matrices.mT if tall else matrices


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal; matrices of one shape are handled in one stack."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.Tensor]] = {}
            for parameter in group["params"]:
                by_shape.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in by_shape.items():
                self.step_shape(group, shape, parameters)

    def momentum_of(self, parameter: torch.Tensor) -> torch.Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]

    def step_shape(self, group: dict, shape: torch.Size, parameters: list[torch.Tensor]) -> None:
        gradients = [parameter.grad for parameter in parameters]
        buffers = [self.momentum_of(parameter) for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, buffers, group["momentum"])
        steps = orthogonalise(torch.stack(ahead)).to(parameters[0].dtype)
        scale = max(1.0, shape[0] / shape[1]) ** 0.5
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(parameters, list(steps.unbind(0)), alpha=-group["lr"] * scale)


def make_optimizers(model: torch.nn.Module, muon_rate: float, adam_rate: float, decay: float) -> list:
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.dim() != 2 or "embed" in name]
    fused = others[0].is_cuda
    return [
        Muon(matrices, lr=muon_rate, weight_decay=decay),
        torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=fused),
    ]
