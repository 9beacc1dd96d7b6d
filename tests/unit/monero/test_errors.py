"""Every answer of the daemons that we have seen has its own error."""

from __future__ import annotations

import pytest

from tripartite.domain.errors import Refused, TripartiteError, Unavailable
from tripartite.monero import errors
from tripartite.monero.errors import error_of

# (method, number, text as the daemon gave it, our error): measured on 0.18.0.0.
SEEN = [
    ("prepare_multisig", -28, "This wallet is already multisig", errors.WalletAlreadyMultisig),
    ("make_multisig", -28, "This wallet is already multisig", errors.WalletAlreadyMultisig),
    ("exchange_multisig_keys", -28, "This wallet is multisig, and already finalized",
     errors.KeyExchangeFinished),
    ("exchange_multisig_keys", -1,
     "Error calling exchange_multisig_info: Messages don't have the expected kex round number.",
     errors.KeyExchangeWrongRound),
    ("exchange_multisig_keys", -1,
     ("Error calling exchange_multisig_info: A pubkey recommended by multisig kex messages had an "
     "unexpected number of recommendations."), errors.KeyExchangeBadMessage),
    ("exchange_multisig_keys", -33, "Needs multisig info from more participants",
     errors.KeyExchangeTooFew),
    ("exchange_multisig_keys", -31, "This wallet is not multisig", errors.WalletNotMultisig),
    ("make_multisig", -1, "kex message got empty", errors.KeyExchangeBadMessage),
    ("make_multisig", -1, "", errors.KeyExchangeBadMessage),
    ("exchange_multisig_keys", -48, "This wallet is multisig, and multisig is disabled. …",
     errors.ExperimentalFlagLost),
    ("get_address", -13, "No wallet file", errors.NoWalletOpen),
    ("create_wallet", -21, "Cannot create wallet. Already exists.", errors.WalletExists),
    ("open_wallet", -1, "Failed to open wallet", errors.WalletCannotOpen),
    ("sign_multisig", -35, "Failed to sign multisig tx: … stale data: export fresh multisig data …",
     errors.StaleMultisigData),
    ("sign_multisig", -35, "… already signed by this private key", errors.AlreadySigned),
    ("sign_multisig", -35, "Failed to sign multisig tx", errors.SigningFailed),
    ("sign_multisig", -34, "Failed to parse multisig tx data.", errors.BadTxset),
    ("sign_multisig", -26, "Failed to parse hex.", errors.BadTxset),
    ("describe_transfer", -34, "cannot load multisig_txset", errors.BadTxset),
    ("submit_multisig", -33, "Not enough signers signed this transaction.",
     errors.NotEnoughSigners),
    ("submit_multisig", -36, "Failed to submit multisig tx: ", errors.SubmitRejected),
    ("export_multisig_info", -31, "This wallet is multisig, but not yet finalized",
     errors.WalletNotReady),
    ("import_multisig_info", -1, "Error calling import_multisig: Bad multisig info file magic",
     errors.BadMultisigInfo),
    ("import_multisig_info", -1,
     "Error calling import_multisig: Failed to authenticate ciphertext", errors.BadMultisigInfo),
    ("import_multisig_info", -1,
     "Error calling import_multisig: Wrong number of multisig sources", errors.BadMultisigInfo),
    ("import_multisig_info", -26, "Failed to parse hex.", errors.BadMultisigInfo),
    ("import_multisig_info", -33, "Needs multisig export info from more participants",
     errors.MultisigInfoTooFew),
    ("sweep_all", -4, "No unlocked balance in the specified account", errors.NothingUnlocked),
    ("transfer", -37, "not enough unlocked money", errors.NothingUnlocked),
    ("transfer", -17, "not enough money", errors.NotEnoughMoney),
    ("transfer", -19, "not enough outputs to use Please use sweep_dust.", errors.DecoysMissing),
    ("transfer", -2, "WALLET_RPC_ERROR_CODE_WRONG_ADDRESS: 4…", errors.PaymentRejected),
    ("refresh", -38, "no connection to daemon", errors.DaemonUnreachable),
    ("sweep_all", -4, "Failed to get height", errors.DaemonUnreachable),
    ("get_transfers", 0, "", errors.DaemonUnreachable),
    ("refresh", -3, "daemon is busy. Please try again later.", errors.DaemonBusy),
    ("no_such_thing", -32601, "Method not found", errors.RpcMethodMissing),
]  # fmt: skip


@pytest.mark.parametrize(("method", "number", "text", "leaf"), SEEN)
def test_a_known_answer_has_its_own_error(
    method: str, number: int, text: str, leaf: type[TripartiteError]
) -> None:
    error = error_of(method, number, text)
    assert type(error) is leaf
    assert error.facts == {"method": method, "number": number}


@pytest.mark.parametrize(
    ("method", "number"), [("refresh", -1), ("get_transfers", -99), ("get_height", 0)]
)
def test_an_unknown_answer_is_not_taken_for_a_no(method: str, number: int) -> None:
    error = error_of(method, number, "something new")
    assert type(error) is errors.UnknownRpcError
    assert isinstance(error, Unavailable)


@pytest.mark.parametrize(("method", "number", "text", "leaf"), SEEN)
def test_the_daemons_own_words_are_not_repeated(
    method: str, number: int, text: str, leaf: type[TripartiteError]
) -> None:
    told = str(error_of(method, number, text + " 4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYf"))
    assert "4AdUnd" not in told
    assert told.startswith(f"{method}: "), leaf


def test_every_error_has_its_own_code_and_title() -> None:
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, TripartiteError) and leaf.code
    ]
    assert len({leaf.code for leaf in leaves}) == len(leaves) > 30
    assert len({leaf.title() for leaf in leaves}) == len(leaves)
    assert all(issubclass(leaf, (Refused, Unavailable)) for leaf in leaves)
