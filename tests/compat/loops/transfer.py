"""A frozen backbone with a new head, EMA, clipping, accumulation, mixed precision: the parts of a training script."""

import copy

import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Conv2d(inplanes, planes, 1, stride) if stride != 1 or inplanes != planes else None

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn(self.conv(x))
        out += identity
        return self.relu(out)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = Block(3, 8, 2)
        self.layer2 = Block(8, 8)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = checkpoint(self.layer2, self.layer1(x), use_reentrant=False)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def train(epochs=12):
    torch.manual_seed(0)
    model = Backbone()
    for param in model.parameters():
        param.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, 2)
    optimizer = optim.SGD(
        [{"params": model.fc.parameters(), "lr": 0.5}], momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    labels = torch.arange(16) % 2
    images = torch.randn(16, 3, 12, 12) + labels.view(-1, 1, 1, 1)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    losses, best = [], None
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad(set_to_none=True)
        for part in range(2):
            with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=False):
                outputs = model(images[part::2])
                loss = criterion(outputs, labels[part::2]) / 2
            scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        ema.update_parameters(model)
        losses.append(loss.item())
        if loss.item() == min(losses):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    frozen = all(p.grad is None for name, p in model.named_parameters() if not name.startswith("fc"))
    return losses[0], losses[-1], frozen and ema.module.fc.weight.shape == (2, 8)
