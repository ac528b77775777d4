"""Names to classes with an RNN, and a translation with GRUs and attention, in the manner of PyTorch's NLP tutorials."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

LETTERS = "abcdefgh"


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, len(LETTERS))
    for li, letter in enumerate(line):
        tensor[li][0][LETTERS.find(letter)] = 1
    return tensor


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line_tensor):
        _rnn_out, hidden = self.rnn(line_tensor)
        return self.softmax(self.h2o(hidden[0]))


def classify(steps=60):
    torch.manual_seed(2)
    lines = [("abba", 0), ("baab", 0), ("aab", 0), ("ghhg", 1), ("hgh", 1), ("gghh", 1)]
    rnn = CharRNN(len(LETTERS), 8, 2)
    criterion = nn.NLLLoss()
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.2)
    losses = []
    for step in range(steps):
        line, category = lines[step % len(lines)]
        loss = criterion(rnn(line_to_tensor(line)), torch.tensor([category], dtype=torch.long))
        rnn.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(rnn.parameters(), 3)
        optimizer.step()
        losses.append(loss.item())
    right = sum(rnn(line_to_tensor(line)).topk(1)[1][0].item() == category for line, category in lines)
    return losses[0], losses[-1], right / len(lines)


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, length):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.length = length

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long).fill_(0)
        decoder_hidden = encoder_hidden
        outputs = []
        for i in range(self.length):
            query = decoder_hidden.permute(1, 0, 2)
            scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(encoder_outputs))).squeeze(2).unsqueeze(1)
            context = torch.bmm(F.softmax(scores, dim=-1), encoder_outputs)
            step = torch.cat((self.embedding(decoder_input), context), dim=2)
            output, decoder_hidden = self.gru(step, decoder_hidden)
            outputs.append(self.out(output))
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = outputs[-1].topk(1)
                decoder_input = topi.squeeze(-1).detach()
        return F.log_softmax(torch.cat(outputs, dim=1), dim=-1), decoder_hidden


def translate(steps=40):
    torch.manual_seed(3)
    source = torch.tensor([[1, 2, 3], [3, 2, 1], [2, 2, 3], [1, 3, 3]])
    target = source.flip(1)
    encoder, decoder = EncoderRNN(5, 12), AttnDecoderRNN(12, 5, 3)
    encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.03)
    decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.03)
    criterion = nn.NLLLoss()
    losses = []
    for _ in range(steps):
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        outputs, hidden = encoder(source)
        found, _ = decoder(outputs, hidden, target)
        loss = criterion(found.view(-1, found.size(-1)), target.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        losses.append(loss.item())
    encoder.eval()
    found, _ = decoder(*encoder(source))
    return losses[0], losses[-1], float((found.argmax(-1) == target).float().mean())


def packed():
    """Sequences of different lengths, packed: the last outputs are those of each alone."""
    torch.manual_seed(4)
    lines = [torch.randn(n, 3) for n in (4, 2, 3)]
    lstm = nn.LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
    batch = pack_padded_sequence(
        pad_sequence(lines, batch_first=True), [4, 2, 3], batch_first=True, enforce_sorted=False
    )
    outputs, lengths = pad_packed_sequence(lstm(batch)[0], batch_first=True)
    alone = [lstm(line.unsqueeze(0))[0][0] for line in lines]
    return max(float((outputs[i, :n] - alone[i]).detach().abs().max()) for i, n in enumerate(lengths.tolist()))
