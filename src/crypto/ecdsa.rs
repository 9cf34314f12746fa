//! The ECDSA that ring lacks: keys on P-521, and signatures over SHA-512 on any curve.
//!
//! Go and OpenSSL take these, so registries and company CAs have them. The arithmetic is that of the RustCrypto
//! project; the hashes are ring's.

use std::fmt;
use std::sync::Arc;

use p521::ecdsa::DerSignature;
use p521::ecdsa::signature::Signer as _;
use ring::digest::{self, SHA256, SHA384, SHA512};
use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{SignatureAlgorithm, SignatureScheme};
use webpki::ring as rings;

use super::p521_exchange::P521;

/// Adds the missing algorithms to those of ring.
pub(super) fn complete(ring: CryptoProvider) -> CryptoProvider {
    let mut kx_groups = ring.kx_groups;
    kx_groups.push(P521);
    CryptoProvider {
        kx_groups,
        signature_verification_algorithms: ALGORITHMS,
        key_provider: &Keys,
        ..ring
    }
}

type Verifier = &'static dyn SignatureVerificationAlgorithm;

const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        rings::ECDSA_P256_SHA256,
        rings::ECDSA_P256_SHA384,
        P256_SHA512,
        rings::ECDSA_P384_SHA256,
        rings::ECDSA_P384_SHA384,
        P384_SHA512,
        P521_SHA256,
        P521_SHA384,
        P521_SHA512,
        rings::ED25519,
        rings::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        rings::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        rings::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        rings::RSA_PKCS1_2048_8192_SHA256,
        rings::RSA_PKCS1_2048_8192_SHA384,
        rings::RSA_PKCS1_2048_8192_SHA512,
        rings::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        rings::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        rings::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    // A scheme fixes the curve, its first here, in TLS 1.3 only.
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[rings::ECDSA_P384_SHA384, rings::ECDSA_P256_SHA384, P521_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[rings::ECDSA_P256_SHA256, rings::ECDSA_P384_SHA256, P521_SHA256],
        ),
        (SignatureScheme::ECDSA_NISTP521_SHA512, &[P521_SHA512, P384_SHA512, P256_SHA512]),
        (SignatureScheme::ED25519, &[rings::ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[rings::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[rings::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[rings::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[rings::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[rings::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[rings::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

const P256_SHA512: Verifier = &Verification {
    curve: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA512,
    hash: &SHA512,
    verify: p256_verify,
};
const P384_SHA512: Verifier = &Verification {
    curve: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA512,
    hash: &SHA512,
    verify: p384_verify,
};
const P521_SHA256: Verifier = &Verification {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA256,
    hash: &SHA256,
    verify: p521_verify,
};
const P521_SHA384: Verifier = &Verification {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA384,
    hash: &SHA384,
    verify: p521_verify,
};
const P521_SHA512: Verifier = &Verification {
    curve: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
    hash: &SHA512,
    verify: p521_verify,
};

/// Takes a point, the hash of a message and its signature; None where they do not go together.
type Verify = fn(point: &[u8], hash: &[u8], signature: &[u8]) -> Option<()>;

/// One curve with one hash.
struct Verification {
    curve: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    hash: &'static digest::Algorithm,
    verify: Verify,
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl SignatureVerificationAlgorithm for Verification {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let hash = digest::digest(self.hash, message);
        (self.verify)(public_key, hash.as_ref(), signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.curve
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// The types differ by curve in ways that generic code cannot say briefly.
macro_rules! verifies_on {
    ($name:ident, $curve:ident) => {
        fn $name(point: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
            use $curve::ecdsa::signature::hazmat::PrehashVerifier;
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            let signature = $curve::ecdsa::DerSignature::from_bytes(signature).ok()?;
            key.verify_prehash(hash, &signature).ok()
        }
    };
}

verifies_on!(p256_verify, p256);
verifies_on!(p384_verify, p384);
verifies_on!(p521_verify, p521);

/// Loads keys on P-521, and leaves the others to ring.
#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(
        &self,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        let secret = match &key {
            PrivateKeyDer::Sec1(key) => p521::SecretKey::from_sec1_der(key.secret_sec1_der()).ok(),
            PrivateKeyDer::Pkcs8(key) => {
                use p521::pkcs8::DecodePrivateKey;
                p521::SecretKey::from_pkcs8_der(key.secret_pkcs8_der()).ok()
            }
            _ => None,
        };
        match secret {
            Some(secret) => Ok(Arc::new(P521Key::new(secret))),
            None => rustls::crypto::ring::default_provider().key_provider.load_private_key(key),
        }
    }
}

/// A client's private key on P-521; overwritten when dropped.
struct P521Key {
    secret: Arc<p521::ecdsa::SigningKey>,
    public: SubjectPublicKeyInfoDer<'static>,
}

impl P521Key {
    fn new(secret: p521::SecretKey) -> Self {
        let secret = p521::ecdsa::SigningKey::from(secret);
        let point = secret.verifying_key().to_sec1_point(false);
        let public = public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes());
        Self { secret: Arc::new(secret), public }
    }
}

impl fmt::Debug for P521Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P521Key")
    }
}

impl SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = || Box::new(P521Signer(self.secret.clone())) as Box<dyn Signer>;
        offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512).then(signer)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.public.clone())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

struct P521Signer(Arc<p521::ecdsa::SigningKey>);

impl fmt::Debug for P521Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P521Signer")
    }
}

impl Signer for P521Signer {
    /// The nonce follows from key and message (RFC 6979): no weak source of randomness can give the key away.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature: DerSignature = self
            .0
            .try_sign(message)
            .map_err(|_| rustls::Error::General("signing with the P-521 key failed".to_owned()))?;
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.bytes().map(|b| (b as char).to_digit(16).expect("a digit") as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// RFC 6979, A.2.7: P-521 with SHA-512, message "sample".
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = bytes(
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        );
        let (r, s) = (
            "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
            "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
        );
        let key = P521Key::new(p521::SecretKey::from_slice(&secret).expect("a key"));
        let signer = key
            .choose_scheme(&[SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP521_SHA512])
            .expect("its scheme is among them");
        let signature = signer.sign(b"sample").expect("a signature");
        let expected =
            [&[0x30, 0x81, 0x87, 0x02, 0x42][..], &bytes(r), &[0x02, 0x41], &bytes(s)[1..]]
                .concat();
        assert_eq!(signature, expected);
        assert!(key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).is_none());

        let point = key.secret.verifying_key().to_sec1_point(false);
        let verify = |message: &[u8], signature: &[u8]| {
            P521_SHA512.verify_signature(point.as_bytes(), message, signature).is_ok()
        };
        assert!(verify(b"sample", &signature));
        assert!(!verify(b"another", &signature));
        let mut changed = signature.clone();
        changed[20] ^= 1;
        assert!(!verify(b"sample", &changed));
        for nothing in [&[][..], &[0x30, 0], &[0x30, 6, 2, 1, 0, 2, 1, 0]] {
            assert!(!verify(b"sample", nothing));
        }
    }

    #[test]
    fn each_curve_goes_with_each_hash() {
        for curve in [alg_id::ECDSA_P256, alg_id::ECDSA_P384, alg_id::ECDSA_P521] {
            for hash in [alg_id::ECDSA_SHA256, alg_id::ECDSA_SHA384, alg_id::ECDSA_SHA512] {
                let count = ALGORITHMS
                    .all
                    .iter()
                    .filter(|a| a.public_key_alg_id() == curve && a.signature_alg_id() == hash)
                    .count();
                assert_eq!(count, 1, "{curve:?} {hash:?}");
            }
        }
    }
}
