"""What the commonest errors of torch and Python mean, in plain words and with a question."""

from __future__ import annotations

MEANINGS = (  # a part of torch's or Python's message, and what to say of it
    (
        "Boolean value of Tensor",
        "A tensor of several entries is neither true nor false. Did you mean `is not None`, "
        "or `~` for the opposite of a mask?",
    ),
    (
        "mat1 and mat2 shapes cannot be multiplied",
        "In a matrix product the last size on the left must be the first on the right. "
        "Which shapes stand there?",
    ),
    (
        "Expected size for first two dimensions of batch2",
        "In a matrix product the last size on the left must be the last but one on the right. "
        "Which shapes stand there?",
    ),
    (
        '"bitwise_',
        "`^`, `&` and `|` are for True and False and for whole numbers; a power is written `**`. "
        "Which one did you mean?",
    ),
    (
        "not implemented for '",
        "torch has no such operation for tensors of that dtype. Which dtype should stand there?",
    ),
    (
        "must match the size of tensor",
        "Two shapes do not fit together, compared from the right. On which axis should they meet?",
    ),
    (
        "torch.return_types.max",
        "`max` along a dimension gives two things, the values and their places. "
        "Which of them do you need?",
    ),
    (
        "without overflow",
        "That number is larger than the dtype can hold; float16 ends at 65 504. "
        "Which number is smaller than all others, in every dtype?",
    ),
    (
        "modified by an inplace operation",
        "A tensor was changed in place that the gradient still needs. Can you make a new one?",
    ),
    (
        "NoneType",
        "One of the values there is None. Was an argument not given, or a `return` forgotten?",
    ),
    (
        "only one element tensors can be converted",
        "`math`, `float` and `int` want a single number, and that tensor holds several. "
        "What has torch instead?",
    ),
    (
        "must be Tensor, not",
        "That function of torch wants a tensor there. Which one of `math` takes plain numbers?",
    ),
    (
        "slice indices must be integers",
        "`/` makes a float even of whole numbers. Which division stays with whole ones?",
    ),
    (
        "Dimension out of range",
        "The tensor has fewer dimensions than that. Which number fits tensors of every size?",
    ),
    (
        "on Tensor that requires grad",
        "Gradients do not pass through numpy. Is there a way to stay in torch?",
    ),
    (
        "a leaf Variable that requires grad",
        "A tensor that is being trained may not be changed in place, as `/=` and methods with an "
        "underscore at their end do. Can you make a new one?",
    ),
    (
        "view size is not compatible",
        "`view` copies nothing, and the numbers of a transposed tensor lie in another order than "
        "its shape says. Which method copies where it has to?",
    ),
)


def meaning(text: str) -> str:
    """What an error's message means; empty where there is nothing to add."""
    return next((plain for part, plain in MEANINGS if part in text), "")
