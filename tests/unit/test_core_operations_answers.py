"""What an endpoint's answer holds, on every cloud alike."""

import pytest
from mlcloud.core.errors import UserError
from mlcloud.core.operations import predictions_in


@pytest.mark.parametrize("answer", [b'{"predictions": [1, 2]}', {"predictions": [1, 2]}])
def test_an_answer_gives_its_predictions(answer: bytes | dict[str, object]) -> None:
    assert predictions_in(answer) == [1, 2]


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[1]", b'{"prediction": 1}', b'{"predictions": 1}', {}, None, [1]]
)
def test_an_answer_of_another_server_is_told_and_is_no_traceback(answer: object) -> None:
    with pytest.raises(UserError, match="has no `predictions`: what serves there is not mlcloud's trainer"):
        predictions_in(answer)
