"""Teachers: copies without parameters, against a loop over steps of their moving average."""

import pytest
import torch
from torch import nn

from ssrec.errors import CompositionError
from ssrec.pretext.teacher import Frozen, Teacher, frozen


class Tied(nn.Module):
    """A recurrent layer, which keeps its weights in a list of its own, and two layers with one matrix."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("fitted", torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.second(self.first(self.gru(x)[0])))


def changed(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_a_frozen_copy_gives_the_same_and_has_no_parameter():
    module, x = Tied().eval(), torch.randn(2, 5, 3)
    copy = frozen(module)
    torch.testing.assert_close(copy(x), module(x).detach())  # with gradients other kernels run
    assert not copy(x).requires_grad
    assert not list(copy.parameters()) and all(p.requires_grad for p in module.parameters())
    assert copy.first.weight is copy.second.weight
    before = copy(x)
    changed(module)
    assert torch.equal(copy(x), before)
    assert set(copy.state_dict()) == set(module.state_dict())
    copy.load_state_dict(module.state_dict())
    torch.testing.assert_close(copy(x), module(x).detach())
    assert not frozen(module, stored=False).state_dict()


def test_a_frozen_copy_takes_over_what_was_trained_since_when_told_to():
    module, x = Tied().eval(), torch.randn(2, 5, 3)
    copy = Frozen(module)
    changed(module)
    assert not torch.allclose(copy(x), module(x))
    copy.copy(module)
    torch.testing.assert_close(copy(x), module(x).detach())
    assert not list(copy.parameters())


@pytest.mark.parametrize("dropout", [False, True])
def test_a_teacher_drops_nothing_unless_told_to(dropout):
    module, x = Tied().train(), torch.ones(2, 5, 3)
    for teacher in (Frozen(module, dropout=dropout), Teacher(module, dropout=dropout)):
        assert torch.equal(teacher(x), teacher(x)) != dropout
        teacher.eval()
        torch.testing.assert_close(teacher(x), module.eval()(x).detach())
        assert torch.equal(teacher.train()(x), teacher(x)) != dropout
        module.train()


@pytest.mark.parametrize("steps", [0, 3])
def test_a_teacher_is_a_moving_average(steps):
    module = Tied()
    teacher = Teacher(module, momentum=0.5, momentum_end=0.8, momentum_steps=steps)
    naive = {name: p.detach().clone() for name, p in module.named_parameters()}
    for step in range(5):
        changed(module)
        kept = 0.8 if not steps else 0.5 + 0.3 * min(step / steps, 1)
        naive = {name: kept * naive[name] + (1 - kept) * p.detach() for name, p in module.named_parameters()}
        teacher.follow(module)
    for name, value in naive.items():
        torch.testing.assert_close(teacher.average.module.get_buffer(name), value)
    student, x = Tied().eval(), torch.randn(2, 5, 3)
    student.load_state_dict({**student.state_dict(), **naive, "second.weight": naive["first.weight"]})
    torch.testing.assert_close(teacher(x), student(x).detach(), msg="what it gives is not what it holds")


def test_what_is_tied_follows_also_after_a_move():
    module = Tied().double().eval()  # a move and a cast replace buffers alike
    teacher, x = Teacher(Tied(), momentum=0.5, momentum_end=0.5).double(), torch.randn(2, 5, 3).double()
    teacher.start(module)
    torch.testing.assert_close(teacher(x), module(x).detach())
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    changed(module)
    teacher.follow(module)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.lerp_(before[name], 0.5)
    torch.testing.assert_close(teacher(x), module(x).detach())


def test_named_rows_follow_alone_and_once():
    module = Tied()
    teacher = Teacher(module, momentum=0.5, momentum_end=0.5)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    changed(module)
    teacher.follow(module, {"first.weight": torch.tensor([2, 0, 2])})
    for name, parameter in module.named_parameters():
        expected = (before[name] + parameter.detach()) / 2
        if name == "first.weight":
            expected[[1, 3]] = before[name][[1, 3]]
        torch.testing.assert_close(teacher.average.module.get_buffer(name), expected)


def test_a_stored_teacher_goes_on():
    module = Tied()
    teacher, again = (Teacher(module, momentum=0.5, momentum_end=0.8, momentum_steps=3) for _ in range(2))
    changed(module)
    teacher.follow(module)
    again.load_state_dict(teacher.state_dict())
    changed(module)
    for one in (teacher, again):
        one.follow(module)
    expected = teacher.state_dict()
    assert int(expected["steps"]) == 2
    assert all(torch.equal(value, expected[name]) for name, value in again.state_dict().items())


def test_it_starts_from_the_student_of_its_first_step():
    module = Tied().eval()
    teacher, x = Teacher(module, momentum=1.0, momentum_end=1.0), torch.randn(2, 5, 3)
    changed(module)
    teacher.start(module)
    first = teacher(x)
    torch.testing.assert_close(first, module(x).detach())
    teacher.follow(module)
    changed(module)
    teacher.start(module)
    assert torch.equal(teacher(x), first)


@pytest.mark.parametrize("wrong", [{"momentum": 1.1}, {"momentum_end": -0.1}, {"momentum_steps": -1}])
def test_settings_outside_their_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(CompositionError, match=f"teacher: {name}="):
        Teacher(Tied(), **wrong)
