"""Train, test, save and load, in the manner of PyTorch's quickstart."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(8 * 8, 32),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(32, 3),
        )

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))


def data():
    labels = torch.arange(60) % 3
    images = torch.zeros(60, 1, 8, 8)
    for row in range(3):
        images[labels == row, :, row * 2 : row * 2 + 3] = 1.0
    return TensorDataset(images + 0.1 * torch.randn(images.shape), labels)


def train_loop(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    seen = 0
    for _batch, (X, y) in enumerate(dataloader):
        X, y = X.to(device), y.to(device)
        loss = loss_fn(model(X), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen += len(X)
    assert seen == size


def test_loop(dataloader, model, loss_fn):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X.to(device))
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    return test_loss / len(dataloader), correct / len(dataloader.dataset)


def train(path):
    torch.manual_seed(0)
    training, test = random_split(data(), [48, 12], generator=torch.Generator().manual_seed(1))
    train_dataloader = DataLoader(training, batch_size=16, shuffle=True)
    test_dataloader = DataLoader(test, batch_size=16)
    model = NeuralNetwork().to(device)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    first, _ = test_loop(test_dataloader, model, loss_fn)
    for _ in range(8):
        train_loop(train_dataloader, model, loss_fn, optimizer)
        scheduler.step()
    last, accuracy = test_loop(test_dataloader, model, loss_fn)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 8}, path)
    again = NeuralNetwork()
    checkpoint = torch.load(path, weights_only=True, map_location=device)
    again.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    assert test_loop(test_dataloader, again, loss_fn)[0] == last
    return first, last, accuracy
