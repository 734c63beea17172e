"""What several tests share: small seeds, an encoder without a model, and the real one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import settings

from index import build, load_encoder
from index.encode import DEFAULT_MODEL, Encoder
from qa import Index, open_index
from qa.config import read_settings
from tests.fakes import HashEncoder

# In CI the same examples every time: a failure there is one of the change, not of the dice.
settings.register_profile("usual", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("usual")
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Started in the background by a shell, the suite would ignore Ctrl-C, and all that it starts, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]

TEXTS = {
    "bridge.txt": "The bridge was built in 1902. It carries two lanes.\n\nEngineers inspect the cables each spring.\n",
    "garden.md": "# Garden\n\nRoses grow by the wall.\n\n## Pond\n\nFrogs live in the pond. They sing at night.\n",
    "mill.html": "<html><head><title>Mill</title></head><body><h1>Mill</h1><p>The mill grinds rye.</p></body></html>",
}


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    folder = tmp_path / "seeds"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def built(tmp_path: Path, seeds: Path, encoder: HashEncoder) -> Path:
    """An index of the small seeds, built without a model."""
    build(seeds, tmp_path / "index", encoder)
    return tmp_path / "index"


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where the prepared encoder is kept between runs of the tests: the checkout's own cache."""
    return read_settings({}, ROOT).cache


@pytest.fixture(scope="session")
def real_encoder(cache: Path) -> Encoder:
    """The default model, as users have it."""
    return load_encoder(DEFAULT_MODEL, cache)


@pytest.fixture(scope="session")
def shipped_index(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the seeds that ship with SeedQA, built with the default model."""
    folder = tmp_path_factory.mktemp("shipped")
    build(ROOT / "seeds", folder, real_encoder)
    return folder


@pytest.fixture(scope="session")
def shipped(shipped_index: Path, real_encoder: Encoder) -> Iterator[Index]:
    """The same, open for questions."""
    with open_index(shipped_index, encoder=real_encoder) as opened:
        yield opened


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that it has signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError:
        if shutil.which("openssl") is None:
            pytest.skip("neither the package cryptography nor openssl is there to make a certificate")
        command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 2 -subj /CN=x"
        subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        return cert, key
    secret, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert, key
