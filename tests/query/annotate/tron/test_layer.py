"""The conversion layer against a dense masked linear layer, and its state."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import messages

torch = pytest.importorskip("torch", reason="torch is an extra")
from torch import nn

import homodb
from homodb.query.annotate import OrthologyLinks
from homodb.query.annotate.tron.layer import TRUST, Edges, OrthologyLayer, Start, init_weights
from homodb.schema.errors import AnnotationError

torch.set_num_threads(1)


class DenseMasked(nn.Module):
    """What the layer must equal, written independently: a linear layer whose weight is multiplied by a mask."""

    def __init__(self, weight: torch.Tensor, mask: torch.Tensor, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.mask = mask
        self.bias = None if bias is None else nn.Parameter(bias.clone())

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(cells, self.weight * self.mask, self.bias)


def made(mask: np.ndarray, *, bias: bool, dtype: torch.dtype, seed: int = 0) -> tuple[OrthologyLayer, DenseMasked]:
    """The two layers over a mask, shape (source genes, target genes), with the same weights."""
    rng = np.random.default_rng(seed)
    source, target = np.nonzero(mask)
    shuffled = rng.permutation(len(source))
    edges = Edges(
        tuple(f"t{number}" for number in range(mask.shape[1])),
        tuple(f"s{number}" for number in range(mask.shape[0])),
        target[shuffled], source[shuffled], rng.standard_normal(len(source)), ("",) * len(source),
    )  # fmt: skip
    added = rng.standard_normal(mask.shape[0]) if bias else None
    layer = OrthologyLayer(edges, start="links", bias=added).to(dtype)
    dense = torch.zeros(mask.shape, dtype=dtype)
    for to, here, weight in zip(edges.source, edges.target, edges.weight, strict=True):
        dense[to, here] = weight
    own = None if layer.bias is None else layer.bias.detach()
    return layer, DenseMasked(dense, torch.from_numpy(mask).to(dtype), own)


masks = st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99)).map(
    lambda told: np.random.default_rng(told[3]).random(told[:2]) < told[2]
)


@pytest.mark.slow
@settings(max_examples=40)
@given(
    mask=masks, cells=st.integers(1, 5), bias=st.booleans(), optimiser=st.sampled_from(["sgd", "adam"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_equals_a_dense_masked_linear_layer(
    mask: np.ndarray, cells: int, bias: bool, optimiser: str, dtype: torch.dtype
) -> None:
    layer, dense = made(mask, bias=bias, dtype=dtype)
    generator = torch.Generator().manual_seed(cells)
    kinds = {"sgd": lambda of: torch.optim.SGD(of, 0.05, momentum=0.9), "adam": lambda of: torch.optim.Adam(of, 0.05)}
    ours, theirs = (kinds[optimiser](list(one.parameters())) for one in (layer, dense))
    close = {"atol": 1e-6, "rtol": 1e-6} if dtype == torch.float64 else {"atol": 1e-5, "rtol": 1e-5}
    outside = torch.from_numpy(~mask)
    for _ in range(10):
        x = torch.randn(cells, mask.shape[1], generator=generator, dtype=dtype)
        wanted = torch.randn(cells, mask.shape[0], generator=generator, dtype=dtype)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [one(given) for one, given in zip((layer, dense), inputs, strict=True)]
        torch.testing.assert_close(outputs[0], outputs[1], **close)
        for optimise, output in zip((ours, theirs), outputs, strict=True):
            optimise.zero_grad()
            (output - wanted).square().mean().backward()
        assert inputs[1].grad is not None and layer.weight.grad is not None and dense.weight.grad is not None
        got = inputs[0].grad if inputs[0].grad is not None else torch.zeros_like(inputs[0])
        torch.testing.assert_close(got, inputs[1].grad, **close)
        torch.testing.assert_close(
            layer.weight.grad, dense.weight.grad[layer.source_index, layer.target_index], **close
        )
        ours.step(), theirs.step()
        assert not layer.dense_weight()[outside].any()
    torch.testing.assert_close(layer.dense_weight(), dense.weight.detach() * dense.mask, **close)
    if layer.bias is not None and dense.bias is not None:
        torch.testing.assert_close(layer.bias, dense.bias, **close)


def test_agrees_to_one_millionth_in_single_precision_at_the_scale_of_weights() -> None:
    mask = np.random.default_rng(1).random((80, 90)) < 0.03
    layer, dense = made(mask, bias=False, dtype=torch.float32)
    ours, theirs = (torch.optim.Adam(one.parameters(), 0.01) for one in (layer, dense))
    for seed in range(10):
        x = torch.rand(16, 90, generator=torch.Generator().manual_seed(seed))
        for one, optimise in ((layer, ours), (dense, theirs)):
            optimise.zero_grad()
            one(x).square().mean().backward()
            optimise.step()
    apart = (layer.dense_weight() - dense.weight.detach() * dense.mask).abs().max()
    assert float(apart) < 1e-6


def test_gradients_by_finite_differences() -> None:
    mask = np.random.default_rng(3).random((4, 5)) < 0.4
    layer, _ = made(mask, bias=True, dtype=torch.float64)
    x = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)

    def through(cells: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, (cells,))

    assert torch.autograd.gradcheck(through, (x, layer.weight.detach().clone().requires_grad_()))


def test_leading_dimensions_no_cells_no_edges() -> None:
    mask = np.eye(3, 4, dtype=bool)
    layer, dense = made(mask, bias=True, dtype=torch.float32)
    x = torch.rand(2, 5, 4)
    torch.testing.assert_close(layer(x), dense(x))
    torch.testing.assert_close(layer(x[0, 0]), dense(x[0, 0]))
    assert layer(x[:0]).shape == (0, 5, 3)
    empty, _ = made(np.zeros((3, 4), bool), bias=False, dtype=torch.float32)
    output = empty(x)
    output.sum().backward()
    assert output.shape == (2, 5, 3) and not output.any()


def test_memory_grows_with_edges_only() -> None:
    layer = OrthologyLayer.from_edges(
        [("t0", "s0"), ("t9", "s9")],
        target_genes=[f"t{one}" for one in range(20_000)], source_genes=[f"s{one}" for one in range(18_000)],
    )  # fmt: skip
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.rand(2, 20_000)).sum().backward()
    optimiser.step()
    assert layer.weight.grad is not None and layer.weight.grad.shape == (2,)
    kept = [value.numel() for state in optimiser.state.values() for value in state.values()]
    assert max(kept) == 2


def test_non_negative_weights_come_back_from_zero() -> None:
    layer = OrthologyLayer.from_edges([("t", "s")], non_negative=True)
    optimiser = torch.optim.SGD(layer.parameters(), 1.0)
    for sign in (1.0, -1.0):
        optimiser.zero_grad()
        (sign * 3 * layer(torch.ones(1, 1))).sum().backward()
        optimiser.step()
        layer.project()
        assert float(layer.weight.detach()) == (0.0 if sign > 0 else 3.0)
    with torch.no_grad():
        layer.weight.fill_(-1)
    assert float(layer(torch.ones(1, 1)).detach()) == 0 and float(layer.dense_weight()) == 0


def test_state_survives_a_file_and_knows_its_genes() -> None:
    mask = np.random.default_rng(5).random((6, 7)) < 0.4
    layer, _ = made(mask, bias=True, dtype=torch.float64)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    again = OrthologyLayer.from_state(state)
    x = torch.rand(3, 7, dtype=torch.float64)
    assert torch.equal(again(x), layer(x))
    assert again.target_genes == layer.target_genes and again.source_genes == layer.source_genes
    assert torch.equal(again.target_index, layer.target_index)
    model = nn.Sequential(layer, nn.Linear(6, 2, dtype=torch.float64))
    other = nn.Sequential(made(mask, bias=True, dtype=torch.float64, seed=9)[0], nn.Linear(6, 2, dtype=torch.float64))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


def test_a_state_of_other_genes_order_or_edges_is_refused() -> None:
    def layer(*pairs: tuple[str, str], genes: tuple[str, ...] = ("a", "b", "c")) -> OrthologyLayer:
        return OrthologyLayer.from_edges(list(pairs), target_genes=genes, source_genes=["x", "y"])

    mine = layer(("a", "x"), ("b", "y"))
    before = mine.weight.detach().clone()
    wrong = {
        "among them z": layer(("a", "x"), ("b", "y"), genes=("a", "b", "z")),
        "in another order": layer(("a", "x"), ("b", "y"), genes=("b", "a", "c")),
        "fewer": layer(("a", "x"), ("b", "y"), genes=("a", "b")),
        "not the same": layer(("a", "x"), ("c", "y")),
        "3 edges": layer(("a", "x"), ("b", "y"), ("c", "y")),
    }
    for told, other in wrong.items():
        with pytest.raises(AnnotationError, match=told):
            nn.Sequential(mine).load_state_dict(nn.Sequential(other).state_dict())
    assert torch.equal(mine.weight, before)
    with pytest.raises(AnnotationError, match=messages.Tron.no_state):
        OrthologyLayer.from_state(nn.Linear(2, 2).state_dict())


def test_bad_edges_are_refused() -> None:
    with pytest.raises(AnnotationError, match=messages.Tron.not_among_listed):
        OrthologyLayer.from_edges([("a", "x")], target_genes=["b"])
    with pytest.raises(AnnotationError, match=messages.Tron.edge_is_there_twice):
        OrthologyLayer.from_edges([("a", "x"), ("a", "x")])
    with pytest.raises(AnnotationError, match=messages.Tron.listed_twice):
        OrthologyLayer.from_edges([("a", "x")], target_genes=["a", "b", "b"])
    with pytest.raises(AnnotationError, match=messages.Tron.not_finite):
        OrthologyLayer.from_edges([("a", "x")], weights=[float("nan")])
    with pytest.raises(AnnotationError, match=messages.Tron.one_each):
        OrthologyLayer.from_edges([("a", "x")], weights=[1.0, 2.0])
    with pytest.raises(AnnotationError, match=messages.Tron.shape):
        OrthologyLayer.from_edges([("a", "x")], bias=[1.0, 2.0])
    with pytest.raises(AnnotationError, match=messages.Tron.takes_1_target):
        OrthologyLayer.from_edges([("a", "x")])(torch.ones(2, 3))
    with pytest.raises(AnnotationError, match=messages.Tron.no_start):
        OrthologyLayer.from_edges([("a", "x")], start="zeros")
    one = np.zeros(1, np.int64)
    with pytest.raises(AnnotationError, match=messages.Tron.numbered_from_0):
        Edges(("a",), ("x",), one + 1, one, np.ones(1), ("",))


@given(mask=masks)
def test_a_cell_keeps_its_total_unless_asked_otherwise(mask: np.ndarray) -> None:
    to, here = np.nonzero(mask)
    names = [tuple(f"{kind}{number}" for number in range(size)) for kind, size in zip("st", mask.shape, strict=True)]
    weight = np.random.default_rng(len(to)).uniform(0.1, 1, len(to))
    evidence = tuple(list(TRUST)[one % len(TRUST)] for one in range(len(to)))
    layer = OrthologyLayer(Edges(names[1], names[0], here, to, weight, evidence))
    # genes without an edge have no place to go
    cells = torch.rand(3, mask.shape[1]) * torch.from_numpy(mask.any(axis=0))
    torch.testing.assert_close(layer(cells).sum(dim=1), cells.sum(dim=1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("start", ["rows", "columns", "links", "random"])
def test_first_weights(start: Start) -> None:
    at = np.array([[0, 0], [1, 0], [1, 1], [2, 1]])
    evidence = ("both", "ensembl", "lm_partial", "")
    edges = Edges(("a", "b", "c"), ("x", "y", "z"), at[:, 0], at[:, 1], np.array([1.0, 0.5, 0.5, 1.0]), evidence)
    weight = init_weights(edges, start, random_state=3)
    both, ensembl, partial = (TRUST[one] for one in list(TRUST)[:2] + list(TRUST)[4:5])
    rows = [both / (both + ensembl / 2), ensembl / 2 / (both + ensembl / 2), partial / 2 / (1 + partial / 2)]
    wanted = {
        "rows": [*rows, 1 / (1 + partial / 2)],
        "columns": [1, ensembl / (ensembl + partial), partial / (ensembl + partial), 1],
        "links": [1, 0.5, 0.5, 1],
    }
    if start == "random":
        assert (
            (weight >= 0).all()
            and (weight <= 2 * np.mean(wanted["columns"])).all()
            and np.array_equal(weight, init_weights(edges, start, random_state=3))
        )
        assert not np.array_equal(weight, init_weights(edges, start, random_state=4))
    else:
        np.testing.assert_allclose(weight, wanted[start])


def test_links_of_a_task_and_a_release_make_layers(toy: homodb.Release) -> None:
    links = OrthologyLinks(np.array([2, 0]), np.array([0, 1]), np.array([0.5, 1.0]), ("both", "ensembl"), "ENS_M2M")
    layer = OrthologyLayer.from_links(links, ["a", "b", "c"], ["x", "y", "z"], start="links")
    assert layer.dense_weight().tolist() == [[0, 0, 0.5], [1, 0, 0], [0, 0, 0]]
    of_release = homodb.OrthologyLayer.from_release(toy, "human", "mouse", "ENS_M2M")
    rows = toy.orthologs(source="mouse", target="human", strategy="ENS_M2M")
    pairs = set(rows.select("source_id", "target_id").iter_rows())
    there = {
        (of_release.target_genes[target], of_release.source_genes[source])
        for source, target in of_release.dense_weight().nonzero().tolist()
    }
    assert there == pairs and len(pairs) == rows.height
    assert torch.allclose(of_release.dense_weight().sum(0), torch.ones(len(of_release.target_genes)))
    few = homodb.OrthologyLayer.from_release(
        toy, source="human", target="mouse", target_genes=["none", of_release.target_genes[0]]
    )
    assert few.target_genes == ("none", of_release.target_genes[0]) and 0 < len(few.weight) < len(pairs)


@pytest.mark.slow
def test_the_package_and_its_list_of_methods_do_not_import_torch() -> None:
    code = (
        "import sys, homodb, homodb.cli.app, homodb.query.annotate, homodb.query.annotate.tron\n"
        "assert 'torch' not in sys.modules\n"
        "assert homodb.OrthologyLayer.__name__ == 'OrthologyLayer' and 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_gives_what_the_cpu_gives() -> None:
    mask = np.random.default_rng(7).random((50, 60)) < 0.05
    layer, dense = made(mask, bias=True, dtype=torch.float32)
    x = torch.rand(8, 60)
    on_card = layer.cuda()(x.cuda())
    torch.testing.assert_close(on_card.cpu(), dense(x))
    on_card.square().sum().backward()
    dense(x).square().sum().backward()
    assert layer.weight.grad is not None and dense.weight.grad is not None
    wanted = dense.weight.grad[layer.source_index.cpu(), layer.target_index.cpu()]
    torch.testing.assert_close(layer.weight.grad.cpu(), wanted)
