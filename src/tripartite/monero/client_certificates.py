"""A TLS key pair for a wallet's connections to its node.

Without one, OpenSSL makes a 4096-bit RSA key each time a wallet is opened or created, which takes
longer than everything else together. The node doesn't check it: it proves nothing, it saves time.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """Two PEM files."""

    key: Path
    certificate: Path

    def options(self) -> list[str]:
        """As given to wallet-rpc and wallet-cli."""
        return [
            f"--daemon-ssl-private-key={self.key}",
            f"--daemon-ssl-certificate={self.certificate}",
        ]


def client_certificate(directory: Path) -> CertificatePair:
    """The pair in ``directory``, made when there is none yet."""
    pair = CertificatePair(directory / "node-client.key", directory / "node-client.crt")
    # The certificate is written last: if it is there, so is its key.
    if pair.certificate.exists():
        return pair
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
    write_private_file(pair.key, private)
    write_private_file(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return pair


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from the first byte on; whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    unfinished.replace(path)
