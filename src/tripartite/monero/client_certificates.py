"""A TLS key pair for a wallet's connections to its node.

Without one, OpenSSL makes a 4096-bit RSA key each time a wallet is opened or created, which takes
longer than everything else together. The node doesn't check it: it proves nothing, it saves time.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate_options(directory: Path) -> list[str]:
    """The options of wallet-rpc and wallet-cli that name the pair in ``directory``.

    The pair is made when there is none yet. Key and certificate share one file, which appears
    whole: two wallets that start at once each write one, and whichever stays fits itself.
    """
    pair = directory / "node-client.pem"
    if not pair.exists():
        write_private_file(pair, _new_pair())
    return [f"--daemon-ssl-private-key={pair}", f"--daemon-ssl-certificate={pair}"]


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from the first byte on; whole or not at all."""
    # mkstemp's files are their owner's alone.
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(unfinished).replace(path)


def _new_pair() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wallet")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Fixed dates that say nothing about when this wallet came to be.
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2099, 12, 31, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
