"""Operations a course may forbid, with every door by which torch and its like give them.

A suite names groups (`FORBIDDEN = SDPA | SOFTMAX`); nothing else knows these names. The
doors are what a program may write, the kernels what torch runs in the end, whatever was
written. Matrix products of any kind, `nn.Bilinear` among them, belong to no group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """One operation, and the names it goes by.

    doors: dotted Python names; one that names a module or a class covers all inside it.
    methods: of Tensor. kernels: aten overloads, as torch.library spells them.
    """

    name: str  # as learners say it: "softmax"
    doors: frozenset[str]
    methods: frozenset[str] = frozenset()
    kernels: frozenset[str] = frozenset()


TENSOR_CLASSES = ("torch.Tensor", "torch._C.TensorBase", "torch.nn.Parameter")

_TOP = ("torch", "torch._VF", "torch._C._VariableFunctions")
_FUNCTIONAL = ("torch.nn.functional",)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _at(places: Iterable[str], names: str) -> frozenset[str]:
    return frozenset(f"{place}.{name}" for place in places for name in names.split())


def _layers(home: str, names: str) -> frozenset[str]:
    """Module classes, by the three names that lead to each."""
    return _at(("torch.nn", "torch.nn.modules", f"torch.nn.modules.{home}"), names)


# -- softmax and what it can be had from ------------------------------------------

_SOFTMAX = Operation(
    "softmax",
    _at(_TOP, "softmax _softmax _safe_softmax _masked_softmax _nested_tensor_softmax_with_shape")
    | _at((*_FUNCTIONAL, "torch.special", "torch.sparse", "torch.masked", "torch.masked._ops",
           "torch._refs", "torch._refs.nn.functional", "torch._refs.special",
           "torch.ops.quantized", "scipy.special"), "softmax")
    | _at(("torch._decomp.decompositions",), "_softmax _softmax_unbacked_safe_amax safe_softmax")
    | _words("torch._C._special.special_softmax torch._C._sparse._sparse_softmax")
    | _layers("activation", "Softmax Softmax2d"),
    _words("softmax"),
    _words("softmax.int softmax.int_out _softmax _softmax.out _safe_softmax special_softmax"
           " _masked_softmax _masked_softmax.out _nested_tensor_softmax_with_shape"
           " _sparse_softmax _sparse_softmax.int _sparse_softmax.out"),
)  # fmt: skip
_LOG_SOFTMAX = Operation(
    "log_softmax",
    _at(_TOP, "log_softmax _log_softmax")
    | _at((*_FUNCTIONAL, "torch.special", "torch.sparse", "torch.masked", "torch.masked._ops",
           "torch._refs", "torch._refs.nn.functional", "torch._refs.special",
           "scipy.special"), "log_softmax")
    | _words("torch._C._special.special_log_softmax torch._C._sparse._sparse_log_softmax"
             " torch._decomp.decompositions._log_softmax")
    | _layers("activation", "LogSoftmax")
    | _layers("adaptive", "AdaptiveLogSoftmaxWithLoss"),
    _words("log_softmax"),
    _words("log_softmax.int log_softmax.int_out _log_softmax _log_softmax.out special_log_softmax"
           " _sparse_log_softmax _sparse_log_softmax.int _sparse_log_softmax.out"),
)  # fmt: skip
_SOFTMIN = Operation(
    "softmin",
    _at((*_FUNCTIONAL, "torch.masked", "torch.masked._ops", "torch._refs.nn.functional"), "softmin")
    | _layers("activation", "Softmin"),
)
_GUMBEL_SOFTMAX = Operation("gumbel_softmax", _at(_FUNCTIONAL, "gumbel_softmax"))
_LOGSUMEXP = Operation(
    "logsumexp",
    _at(_TOP, "logsumexp")
    | _at(("torch.special", "torch.masked", "torch.masked._ops", "torch._refs",
           "scipy.special"), "logsumexp")
    | _words("torch._C._special.special_logsumexp scipy.misc.logsumexp"),
    _words("logsumexp"),
    _words("logsumexp logsumexp.out special_logsumexp special_logsumexp.out"),
)  # fmt: skip
_LOGCUMSUMEXP = Operation(
    "logcumsumexp",
    _at(_TOP, "logcumsumexp _logcumsumexp"),
    _words("logcumsumexp"),
    _words("logcumsumexp logcumsumexp.out _logcumsumexp _logcumsumexp.out"),
)
# Its value is a log_softmax and its gradient a softmax. (`nll_loss` computes neither.)
_CROSS_ENTROPY = Operation(
    "cross_entropy",
    _words("torch.nn.functional.cross_entropy torch._C._nn.cross_entropy_loss")
    | _layers("loss", "CrossEntropyLoss"),
    kernels=_words("cross_entropy_loss"),
)
_LINEAR_CROSS_ENTROPY = Operation(
    "linear_cross_entropy",
    _at(_FUNCTIONAL, "linear_cross_entropy") | _layers("loss", "LinearCrossEntropyLoss"),
)
_CATEGORICAL = Operation(
    "Categorical",
    _at(("torch.distributions",), "Categorical OneHotCategorical OneHotCategoricalStraightThrough"
        " RelaxedOneHotCategorical Multinomial SoftmaxTransform")
    | _words("torch.distributions.categorical torch.distributions.one_hot_categorical"
             " torch.distributions.relaxed_categorical torch.distributions.multinomial"
             " torch.distributions.transforms.SoftmaxTransform"
             " torch.distributions.utils.logits_to_probs"),
)  # fmt: skip

SOFTMAX: frozenset[Operation] = frozenset({
    _SOFTMAX, _LOG_SOFTMAX, _SOFTMIN, _GUMBEL_SOFTMAX, _LOGSUMEXP, _LOGCUMSUMEXP,
    _CROSS_ENTROPY, _LINEAR_CROSS_ENTROPY, _CATEGORICAL,
})  # fmt: skip

# -- attention, whole -------------------------------------------------------------

_SDPA = Operation(
    "scaled_dot_product_attention",
    _at((*_FUNCTIONAL, "torch._C._nn"), "scaled_dot_product_attention")
    | _at(_TOP, "_scaled_dot_product_attention_math _scaled_dot_product_flash_attention"
          " _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention"
          " _scaled_dot_product_cudnn_attention _scaled_dot_product_attention_math_for_mps"
          " _triton_scaled_dot_attention _flash_attention_forward_no_dropout_inplace")
    | _words("torch.nn.attention torch.nested._internal.sdpa torch.onnx.ops.attention"
             " torch._decomp.decompositions.scaled_dot_product_flash_attention_for_cpu"),
    kernels=_words(
        "scaled_dot_product_attention _scaled_dot_product_attention_math"
        " _scaled_dot_product_attention_math_for_mps _scaled_dot_product_flash_attention"
        " _scaled_dot_product_flash_attention.quantized"
        " _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention"
        " _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable"
        " _flash_attention_forward _flash_attention_forward.quantized"
        " _flash_attention_forward_no_dropout_inplace _efficient_attention_forward"
        " _cudnn_attention_forward _triton_scaled_dot_attention _triton_scaled_dot_attention.out"
    ),
)  # fmt: skip
_FLEX_ATTENTION = Operation(
    "flex_attention",
    _words("torch.nn.attention.flex_attention torch._higher_order_ops.flex_attention"
           " torch.ops.higher_order.flex_attention"),
)  # fmt: skip
_MULTIHEAD_ATTENTION = Operation(
    "MultiheadAttention",
    _at(_FUNCTIONAL, "multi_head_attention_forward")
    | _at(_TOP, "_native_multi_head_attention _triton_multi_head_attention")
    | _layers("activation", "MultiheadAttention")
    | _words("torch.ao.nn.quantizable.MultiheadAttention"),
    kernels=_words("_native_multi_head_attention _native_multi_head_attention.out"
                   " _triton_multi_head_attention _triton_multi_head_attention.out"),
)  # fmt: skip
_TRANSFORMER = Operation(
    "Transformer",
    _at(_TOP, "_transformer_encoder_layer_fwd")
    | _layers("transformer", "Transformer TransformerEncoder TransformerEncoderLayer"
              " TransformerDecoder TransformerDecoderLayer"),
    kernels=_words("_transformer_encoder_layer_fwd _transformer_encoder_layer_fwd.out"),
)  # fmt: skip
_SUBSEQUENT_MASK = Operation(
    "generate_square_subsequent_mask",
    frozenset(f"{door}.generate_square_subsequent_mask"
              for door in _layers("transformer", "Transformer"))
    | _words("torch.nn.modules.transformer._generate_square_subsequent_mask"),
)  # fmt: skip

SDPA: frozenset[Operation] = frozenset({
    _SDPA, _FLEX_ATTENTION, _MULTIHEAD_ATTENTION, _TRANSFORMER, _SUBSEQUENT_MASK,
})  # fmt: skip

# -- the projection, whole --------------------------------------------------------

_LINEAR = Operation(
    "linear",
    _at((*_FUNCTIONAL, "torch._C._nn"), "linear")
    | _layers("linear", "Linear LazyLinear")
    | _words("torch.nn.modules.linear.NonDynamicallyQuantizableLinear"
             " torch.ops.mkldnn._linear_pointwise"),
    kernels=_words("linear linear.out mkldnn_linear mkldnn_linear.out"),
)  # fmt: skip

LINEAR: frozenset[Operation] = frozenset({_LINEAR, _LINEAR_CROSS_ENTROPY})

# Doors that this course's torch has and others may not: new, private or soon gone.
VERSION_DEPENDENT: frozenset[str] = (
    _LINEAR_CROSS_ENTROPY.doors
    | _FLEX_ATTENTION.doors
    | _at(_TOP, "_flash_attention_forward_no_dropout_inplace _safe_softmax")
    | _words("torch.onnx.ops.attention torch.nested._internal.sdpa"
             " torch.ao.nn.quantizable.MultiheadAttention torch.ops.mkldnn._linear_pointwise"
             " torch._decomp.decompositions._softmax_unbacked_safe_amax"
             " torch._decomp.decompositions.safe_softmax")
)  # fmt: skip


# -- finding an operation by a name ------------------------------------------------


def kernels_of(forbidden: frozenset[Operation]) -> list[str]:
    """The aten overloads to be trapped, in a fixed order."""
    return sorted({kernel for operation in forbidden for kernel in operation.kernels})


def names_of(forbidden: frozenset[Operation]) -> list[str]:
    """The dotted names of torch's functions and methods to be refused, in a fixed order."""
    return sorted(name for name in doors_of(forbidden) if name.startswith("torch."))


def doors_of(forbidden: frozenset[Operation]) -> dict[str, str]:
    """Every dotted name by which a program can reach one of them, with the operation's name.

    Beside the doors: methods through Tensor's class, and kernels through `torch.ops.aten`.
    """
    doors: dict[str, str] = {}
    for operation in sorted(forbidden, key=lambda operation: operation.name):
        methods = _at(TENSOR_CLASSES, " ".join(operation.methods))
        packets = {f"torch.ops.aten.{kernel.partition('.')[0]}" for kernel in operation.kernels}
        doors |= dict.fromkeys(operation.doors | methods | packets, operation.name)
    return doors


def behind(name: str, doors: dict[str, str]) -> str | None:
    """The operation that a dotted name leads to: its own door, or the nearest it is inside."""
    while name:
        if name in doors:
            return doors[name]
        name = name.rpartition(".")[0]
    return None
