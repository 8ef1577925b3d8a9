"""TransformerEncoderLayer, TransformerDecoderLayer, TransformerEncoder, TransformerDecoder and Transformer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchnet.nn import init
from scratchnet.nn.activation_piecewise import ReLU
from scratchnet.nn.activation_smooth import GELU
from scratchnet.nn.attention import MultiheadAttention
from scratchnet.nn.container import ModuleList
from scratchnet.nn.dropout import Dropout
from scratchnet.nn.linear import Linear
from scratchnet.nn.module import Module
from scratchnet.nn.normalization_per_sample import LayerNorm

Mask = np.ndarray | None
Function = Callable[[np.ndarray], np.ndarray]
ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "gelu": GELU}


class _Layer(Module):
    """Parts of residual form: x + part(norm(x)) with norm_first, else norm(x + part(x))."""

    norms = 2
    self_attn: MultiheadAttention

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        name = type(self).__name__
        if activation not in ACTIVATIONS:
            raise ValueError(f'{name}: activation={activation!r}, "relu" or "gelu" expected')
        rng = rng or np.random.default_rng()
        self.norm_first = norm_first
        for attention in ("self_attn", "multihead_attn")[: self.norms - 1]:
            made = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, rng=rng)
            setattr(self, attention, made)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype, rng=rng)
        for number in range(1, self.norms + 1):
            setattr(self, f"norm{number}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
        for number in range(1, self.norms + 1):
            setattr(self, f"dropout{number}", Dropout(dropout, rng=rng))
        self.activation = ACTIVATIONS[activation]()

    def _part(self, number: int) -> tuple[Module, Module]:
        """(norm, dropout) of the part of this number."""
        return getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")

    def _residual(self, x: np.ndarray, number: int, part: Function) -> np.ndarray:
        norm, dropout = self._part(number)
        return x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))

    def _residual_backward(self, dout: np.ndarray, number: int, part_backward: Function) -> np.ndarray:
        norm, dropout = self._part(number)
        if self.norm_first:
            return dout + norm.backward(part_backward(dropout.backward(dout)))
        d = norm.backward(dout)
        return d + part_backward(dropout.backward(d))

    def _feed_forward(self, x: np.ndarray) -> np.ndarray:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _feed_forward_backward(self, dout: np.ndarray) -> np.ndarray:
        hidden = self.dropout.backward(self.linear2.backward(dout))
        return self.linear1.backward(self.activation.backward(hidden))

    def _self_attention_backward(self, dout: np.ndarray) -> np.ndarray:
        dq, dk, dv, *_ = self.self_attn.backward(dout)
        return dq + dk + dv


class TransformerEncoderLayer(_Layer):
    """norm2(y + ff(y)), y = norm1(x + attention(x, x, x)).   torch.nn.TransformerEncoderLayer

    With norm_first y + ff(norm2(y)), y = x + attention(norm1(x), ...). ff(y) = linear2(activation(linear1(y))) with
    dim_feedforward features inside, activation "relu" or "gelu"; dropout on the attention's weights, inside of ff, and
    on both parts before they are added.
    src (L, N, d_model), with batch_first (N, L, d_model), unbatched (L, d_model) -> the same shape; masks as in
    MultiheadAttention: src_mask its attn_mask, src_key_padding_mask its key_padding_mask.
    Gradients: backward(dout) -> dsrc; masks are constants. Where x goes two ways (to the part and past it) both
    gradients are added; a query that sees no key gets nothing from the attention.
    Raises as MultiheadAttention.   Source: Vaswani et al. 2017; Xiong et al. 2020 for norm_first.
    """

    def forward(self, src: np.ndarray, src_mask: Mask = None, src_key_padding_mask: Mask = None,
                is_causal: bool = False) -> np.ndarray:  # fmt: skip
        def attention(x: np.ndarray) -> np.ndarray:
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)[0]

        return self._residual(self._residual(src, 1, attention), 2, self._feed_forward)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        d = self._residual_backward(dout, 2, self._feed_forward_backward)
        return self._residual_backward(d, 1, self._self_attention_backward)


class TransformerDecoderLayer(_Layer):
    """norm3(z + ff(z)), z = norm2(y + attention(y, memory, memory)), y = norm1(x + attention(x, x, x)).
    torch.nn.TransformerDecoderLayer; see TransformerEncoderLayer

    tgt (T, N, d_model), memory (S, N, d_model) (what the encoder made) -> the shape of tgt. tgt_mask and
    tgt_key_padding_mask are for the first attention (self_attn), memory_... for the second (multihead_attn).
    Gradients: backward(dout) -> dtgt, dmemory.
    """

    norms = 3
    multihead_attn: MultiheadAttention

    def forward(
        self, tgt: np.ndarray, memory: np.ndarray, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> np.ndarray:  # fmt: skip
        def attention(x: np.ndarray) -> np.ndarray:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def look_back(x: np.ndarray) -> np.ndarray:
            masks = (memory_key_padding_mask, False, memory_mask)
            return self.multihead_attn(x, memory, memory, *masks, is_causal=memory_is_causal)[0]

        x = self._residual(tgt, 1, attention)
        return self._residual(self._residual(x, 2, look_back), 3, self._feed_forward)

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dmemory: list[np.ndarray] = []

        def look_back_backward(d: np.ndarray) -> np.ndarray:
            dq, dk, dv, *_ = self.multihead_attn.backward(d)
            dmemory.append(dk + dv)
            return dq

        d = self._residual_backward(dout, 3, self._feed_forward_backward)
        d = self._residual_backward(d, 2, look_back_backward)
        return self._residual_backward(d, 1, self._self_attention_backward), dmemory[0]


def _copies(layer: Module, count: int) -> ModuleList:
    """`count` layers with parameters of their own, which draw from the same generator (or all would drop alike)."""
    generators = {id(module.rng): module.rng for _, module in layer.named_modules() if hasattr(module, "rng")}
    return ModuleList([copy.deepcopy(layer, dict(generators)) for _ in range(count)])


class TransformerEncoder(Module):
    """num_layers copies of encoder_layer, one after the other, then norm.   torch.nn.TransformerEncoder

    src and masks as in TransformerEncoderLayer; every layer gets the same masks. Gradients: backward(dout) -> dsrc.
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers, self.norm = _copies(encoder_layer, num_layers), norm

    def forward(self, src: np.ndarray, mask: Mask = None, src_key_padding_mask: Mask = None,
                is_causal: bool = False) -> np.ndarray:  # fmt: skip
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        d = dout if self.norm is None else self.norm.backward(dout)
        for layer in reversed(list(self.layers)):
            d = layer.backward(d)
        return d


class TransformerDecoder(Module):
    """num_layers copies of decoder_layer, one after the other, then norm.   torch.nn.TransformerDecoder

    tgt, memory and masks as in TransformerDecoderLayer; every layer reads the same memory, whose gradients are added.
    Gradients: backward(dout) -> dtgt, dmemory.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers, self.norm = _copies(decoder_layer, num_layers), norm

    def forward(
        self, tgt: np.ndarray, memory: np.ndarray, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> np.ndarray:  # fmt: skip
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks)
        return tgt if self.norm is None else self.norm(tgt)

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        d, dmemory = dout if self.norm is None else self.norm.backward(dout), []
        for layer in reversed(list(self.layers)):
            d, of_layer = layer.backward(d)
            dmemory.append(of_layer)
        return d, np.add.reduce(dmemory)


class Transformer(Module):
    """decoder(tgt, memory = encoder(src)), each with a LayerNorm at its end.   torch.nn.Transformer

    src (S, N, d_model), tgt (T, N, d_model), with batch_first (N, S, d_model) and (N, T, d_model), unbatched without N
    -> the shape of tgt. Masks by torch's names: src_mask, tgt_mask, memory_mask, and ..._key_padding_mask.
    Gradients: backward(dout) -> dsrc, dtgt.   Raises as MultiheadAttention.   Source: Vaswani et al. 2017.
    Not taken: custom_encoder, custom_decoder (build the two yourself).
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        rng = rng or np.random.default_rng()
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        encoder_layer = TransformerEncoderLayer(*settings, dtype=dtype, rng=rng)
        decoder_layer = TransformerDecoderLayer(*settings, dtype=dtype, rng=rng)
        self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm())
        self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm())
        for parameter in self.parameters():
            if len(parameter.shape) > 1:
                init.xavier_uniform_(parameter, rng=rng)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, dtype: Any = np.float32) -> np.ndarray:
        """(sz, sz), -inf above the diagonal: place t sees places 0 to t only."""
        return np.triu(np.full((sz, sz), -np.inf, dtype), 1)

    def forward(
        self, src: np.ndarray, tgt: np.ndarray, src_mask: Mask = None, tgt_mask: Mask = None, memory_mask: Mask = None,
        src_key_padding_mask: Mask = None, tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        src_is_causal: bool = False, tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> np.ndarray:  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal)
        return self.decoder(tgt, memory, *masks)

    def backward(self, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dtgt, dmemory = self.decoder.backward(dout)
        return self.encoder.backward(dmemory), dtgt
