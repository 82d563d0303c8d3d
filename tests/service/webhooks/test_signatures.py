"""Signatures are those of the Standard Webhooks specification."""

import time

import pytest

from service.webhooks.signatures import headers, new_secret

# The example of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, MOMENT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_specification() -> None:
    made = headers(MESSAGE, MOMENT, BODY, [SECRET])
    assert made["webhook-signature"] == SIGNATURE
    assert (made["webhook-id"], made["webhook-timestamp"]) == (MESSAGE, str(MOMENT))


def test_the_reference_library_accepts_each_of_several_secrets() -> None:
    library = pytest.importorskip("standardwebhooks", reason="not installed: make setup")
    keys = [new_secret(), new_secret()]
    made = headers("msg_1", int(time.time()), BODY, keys)
    for key in keys:
        assert library.Webhook(key).verify(BODY, made) == {"test": 2432232314}
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(new_secret()).verify(BODY, made)
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(keys[0]).verify(BODY + b" ", made)
