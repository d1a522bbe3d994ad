"""Certificates of an authority of our own."""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def certify(folder, address="127.0.0.1"):
    """Write ca.crt, and a certificate for this address with its key, server.crt and server.key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.now(UTC)

    def signed(subject, public_key, extension, *, critical):
        builder = x509.CertificateBuilder(
            issuer_name=name, subject_name=subject, public_key=public_key, serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(hours=1), not_valid_after=now + timedelta(days=1),
        )  # fmt: skip
        made = builder.add_extension(extension, critical=critical).sign(authority, hashes.SHA256())
        return made.public_bytes(Encoding.PEM)

    folder.mkdir(exist_ok=True)
    ca = signed(name, authority.public_key(), x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "ca.crt").write_bytes(ca)
    where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    (folder / "server.crt").write_bytes(signed(subject, key.public_key(), where, critical=False))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(pem)
    return folder
