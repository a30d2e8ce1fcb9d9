"""C2PA manifests in videos: written by the signer, read back by the reader."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from kinolog_worker.media.container_tags import ContainerTags, write_tags
from kinolog_worker.media.sound.samples import silence
from kinolog_worker.media.sound.sound_format import SoundFormat
from kinolog_worker.media.sound.track import add_sound
from kinolog_worker.media.video_check import ExpectedMedia, verify_video

from kinolog.adapters.c2pa.assertions import manifest_of, provenance_in
from kinolog.adapters.c2pa.reader import SignatureState, read_signed_file
from kinolog.adapters.c2pa.signer import C2paSigner
from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.values import UsedLora
from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from kinolog.provenance import SigningFailed, UnsignableVideo
from kinolog_stack import signing_certificates
from kinolog_stack.signing_certificates import SigningChain
from tests.builders.signed_video import (
    FPS,
    FRAMES,
    HEIGHT,
    PROVENANCE,
    WIDTH,
    new_chain,
    signed_video,
    small_video,
)

EXPECTED = ExpectedMedia(width=WIDTH, height=HEIGHT, fps=FPS, frames=FRAMES)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> SigningChain:
    """A chain of certificates."""
    return new_chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture
def video(chain: SigningChain, tmp_path: Path) -> Path:
    """A signed video."""
    return signed_video(tmp_path, chain)


def test_a_signed_video_says_what_made_it(chain: SigningChain, video: Path) -> None:
    """The reader trusts the video under the root of its chain, and finds every fact that was signed."""
    found = read_signed_file(video, [chain.root.read_text()])
    assert (found.state, found.failures) == (SignatureState.TRUSTED, ())
    assert found.provenance == PROVENANCE
    assert found.generator == "kinolog 0.1.0"
    assert re.fullmatch(r"kinolog [0-9a-f]{8}, self-signed", found.signer)


def test_the_manifest_names_the_loras(chain: SigningChain, tmp_path: Path) -> None:
    """Each with its weight, its hash and its licence. Videos without any say nothing of them."""
    lora = UsedLora(name="ink", weight=0.8, sha256="ab" * 32, licence="apache-2.0")
    stated = replace(PROVENANCE, loras=(lora,))
    assert provenance_in(manifest_of(stated)) == stated
    assert "loras" not in str(manifest_of(PROVENANCE))


@pytest.mark.parametrize(
    "profile",
    [
        UsedProfile(name="fast"),
        UsedProfile(
            name="cached",
            cache=StepCache(kind="first-block", threshold=0.08),
            calibration="ef" * 32,
            psnr_db=31.5,
            ssim=0.95,
            speed=1.8,
            clips=4,
            width=832,
            height=480,
            frames=81,
            steps=50,
            exact_steps=50,
        ),
    ],
)
def test_the_manifest_names_the_profile(profile: UsedProfile) -> None:
    """With its step cache and its figures, or without. Videos of the model as it is say nothing of it."""
    stated = replace(PROVENANCE, profile=profile)
    assert provenance_in(manifest_of(stated)) == stated
    assert "profile" not in str(manifest_of(PROVENANCE))


@pytest.mark.parametrize("codec", SOFTWARE_CODECS)
def test_videos_of_every_codec_are_signed(chain: SigningChain, tmp_path: Path, codec: VideoCodec) -> None:
    """A tagged video of each codec with sound is trusted, has its tags, and decodes to the same frames and sound."""
    unsigned, signed = small_video(tmp_path / "unsigned.mp4", codec), tmp_path / "signed.mp4"
    sound = SoundFormat(24_000, 2)
    add_sound(unsigned, sound, [silence(sound, sound.samples_before(FRAMES, FPS))], lambda: None)
    tags = ContainerTags(title="Rain", comment="made by a model", fps=FPS, scene_frames=(4, FRAMES - 4))
    write_tags(unsigned, tags, lambda: None)
    expected = replace(EXPECTED, codec=codec, has_sound=True)
    before = verify_video(unsigned, expected)
    C2paSigner(chain.signer, chain.signer_key).sign(unsigned, signed, PROVENANCE)
    found = read_signed_file(signed, [chain.root.read_text()])
    assert (found.state, found.failures) == (SignatureState.TRUSTED, ())
    assert verify_video(signed, expected).frame_hash == before.frame_hash
    with av.open(str(signed)) as container:
        assert (container.metadata["title"], len(container.chapters())) == ("Rain", 2)


def test_every_reader_learns_that_a_model_made_it() -> None:
    """The action that other programs show names generated media, the model, its revision and the time."""
    (action,) = manifest_of(PROVENANCE)["assertions"][0]["data"]["actions"]
    assert action == {
        "action": "c2pa.created",
        "when": "2026-05-06T07:08:09+00:00",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "softwareAgent": {"name": "kinolog-tiny", "version": "0123abcd"},
    }


def test_other_roots_do_not_trust_it(video: Path, tmp_path: Path) -> None:
    """Without the root, or with another, the video is intact and its signer unknown."""
    other = new_chain(tmp_path / "other")
    for roots in ([], [other.root.read_text()]):
        found = read_signed_file(video, roots)
        assert (found.state, found.failures) == (SignatureState.UNKNOWN_SIGNER, ())
        assert found.provenance == PROVENANCE


@pytest.mark.parametrize("box", [b"mdat", b"moov", b"stts", b"avcC"])
@pytest.mark.parametrize("offset", [6, 40])
def test_one_changed_byte_is_noticed(chain: SigningChain, video: Path, box: bytes, offset: int) -> None:
    """One bit of the media or of its index makes the video invalid, and the reason is in plain words."""
    content = bytearray(video.read_bytes())
    content[content.rindex(box) + offset] ^= 1
    video.write_bytes(content)
    found = read_signed_file(video, [chain.root.read_text()])
    assert found.state is SignatureState.INVALID
    (reason,) = found.failures
    assert reason == "the file was changed after it was signed" or reason.startswith(
        "its structure is damaged"
    )


@pytest.mark.parametrize("text", [b"kinolog-tiny", b"org.kinolog.job", b"0123abcd", b"self-signed"])
def test_one_changed_byte_of_the_statement_is_noticed(chain: SigningChain, video: Path, text: bytes) -> None:
    """What the video says about itself, and who signed it, cannot be changed either."""
    content = bytearray(video.read_bytes())
    assert text in content
    content[content.index(text) + 2] ^= 1
    video.write_bytes(content)
    found = read_signed_file(video, [chain.root.read_text()])
    assert found.state is SignatureState.INVALID
    assert found.failures


def test_an_appended_and_a_torn_video_are_invalid(chain: SigningChain, video: Path) -> None:
    """Bytes that are added or missing at the end are noticed."""
    content = video.read_bytes()
    for changed in (content + b"\0" * 16, content[:-10]):
        video.write_bytes(changed)
        assert read_signed_file(video, [chain.root.read_text()]).state is SignatureState.INVALID


def test_signing_changes_no_frame(video: Path) -> None:
    """Frames, their times and the index in front stay the same, so the recorded facts stay true."""
    unsigned = verify_video(video.with_name("unsigned.mp4"), EXPECTED)
    signed = verify_video(video, EXPECTED)
    assert signed == replace(unsigned, sha256=signed.sha256, size_bytes=signed.size_bytes)
    assert signed.sha256 != unsigned.sha256
    content = video.read_bytes()
    assert content.index(b"moov") < content.rindex(b"mdat")


def test_an_unsigned_video_and_other_files_have_no_manifest(tmp_path: Path) -> None:
    """A file without a manifest is unsigned, not invalid. A file that cannot be read is an error."""
    note = tmp_path / "note.txt"
    note.write_text("no video")
    for path in (small_video(tmp_path / "clip.mp4"), note):
        assert read_signed_file(path).state is SignatureState.UNSIGNED
    with pytest.raises(FileNotFoundError):
        read_signed_file(tmp_path / "missing.mp4")


def test_texts_of_a_file_cannot_drive_the_terminal(chain: SigningChain, tmp_path: Path) -> None:
    """A stranger's manifest may hold anything; control characters are not shown."""
    hostile = replace(PROVENANCE, model="\x1b[2J" + "m" * 500, version="\x9b1m")
    found = read_signed_file(signed_video(tmp_path, chain, hostile))
    assert found.provenance is not None
    for text in (found.provenance.model, found.provenance.version, found.generator):
        assert text.isprintable()
        assert len(text) <= 200


def test_manifests_of_other_programs_are_not_taken_for_ours() -> None:
    """A manifest without our assertion, or with one of another form, states no provenance."""
    ours = manifest_of(PROVENANCE)
    assert provenance_in(ours) == PROVENANCE
    assert provenance_in({}) is None
    assert provenance_in(ours | {"claim_generator_info": [{"name": "other"}]}) is None
    actions, job = ours["assertions"]
    for data in ({}, {"job_id": 7}, job["data"] | {"log_hash": None}, job["data"] | {"model": ["x"]}):
        assert provenance_in(ours | {"assertions": [actions, {"label": job["label"], "data": data}]}) is None


def test_the_certificate_is_named(chain: SigningChain, tmp_path: Path) -> None:
    """Signing returns the fingerprint of the certificate, which the log keeps."""
    signer = C2paSigner(chain.signer, chain.signer_key)
    signer.check()
    fingerprint = signer.sign(small_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", PROVENANCE)
    certificate = x509.load_pem_x509_certificate(chain.signer.read_bytes())
    assert fingerprint == certificate.fingerprint(hashes.SHA256()).hex()


def test_an_expired_certificate_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No video is signed that every reader would call expired."""
    monkeypatch.setattr(signing_certificates, "SIGNER_VALIDITY", -timedelta(hours=1))
    chain = new_chain(tmp_path)
    signer = C2paSigner(chain.signer, chain.signer_key)
    with pytest.raises(SigningFailed, match="expired"):
        signer.check()
    with pytest.raises(SigningFailed, match="expired"):
        signer.sign(small_video(tmp_path / "a.mp4"), tmp_path / "b.mp4", PROVENANCE)


def test_certificates_that_cannot_sign_are_refused(chain: SigningChain, tmp_path: Path) -> None:
    """A missing file, a key of another certificate, a root, and a file without PEM are refused with the reason."""
    other = new_chain(tmp_path / "other")
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("hello")
    for certificate, key, words in (
        (tmp_path / "missing.pem", chain.signer_key, "cannot be read: No such file"),
        (chain.signer, other.signer_key, "is not the key of the first certificate"),
        (chain.signer, nonsense, "must hold a certificate chain and a private key in PEM"),
        (nonsense, chain.signer_key, "must hold a certificate chain and a private key in PEM"),
        (chain.root, chain.root_key, "certificate"),
    ):
        with pytest.raises(SigningFailed, match=words):
            C2paSigner(certificate, key).check()


def test_a_file_that_cannot_be_signed_is_no_trouble_of_the_certificate(
    chain: SigningChain, tmp_path: Path
) -> None:
    """With a good certificate the video is to blame; with a bad one nothing can be signed."""
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(b"no video")
    with pytest.raises(UnsignableVideo, match=r"torn\.mp4"):
        C2paSigner(chain.signer, chain.signer_key).sign(torn, tmp_path / "signed.mp4", PROVENANCE)
    with pytest.raises(SigningFailed, match="cannot be read"):
        C2paSigner(tmp_path / "none.pem", chain.signer_key).sign(torn, tmp_path / "signed.mp4", PROVENANCE)
