//! Key exchange on P-521. In TLS 1.2, OpenSSL uses a key on a curve only for clients that exchange keys on it, too;
//! and some servers exchange on nothing else.

use std::fmt;

use p521::elliptic_curve::sec1::ToSec1Point;
use p521::{PublicKey, Sec1Point, SecretKey, ecdh};
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use zeroize::Zeroizing;

/// secp521r1: named last, so that it is used where the server has no other.
pub(super) const P521: &dyn SupportedKxGroup = &Group;

/// The size of a coordinate, and of a scalar.
const SIZE: usize = 66;

/// How an uncompressed point begins.
const UNCOMPRESSED: u8 = 4;

struct Group;

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secp521r1")
    }
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = new_secret()?;
        let public = secret.public_key().to_sec1_point(false);
        Ok(Box::new(Exchange { secret, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

/// Random until it lies between 0 and the order of the curve, which nearly every one does.
fn new_secret() -> Result<SecretKey, Error> {
    let mut bytes = Zeroizing::new([0; SIZE]);
    loop {
        super::random::random(&mut *bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
        bytes[0] &= 1; // 521 bits
        if let Ok(secret) = SecretKey::from_slice(&*bytes) {
            return Ok(secret);
        }
    }
}

struct Exchange {
    secret: SecretKey,
    public: Sec1Point,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // TLS allows no other form than this, and the point must lie on the curve.
        let peer = (peer.len() == 1 + 2 * SIZE && peer.first() == Some(&UNCOMPRESSED))
            .then(|| PublicKey::from_sec1_bytes(peer).ok())
            .flatten()
            .ok_or(Error::from(PeerMisbehaved::InvalidKeyShare))?;
        let shared = ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::from(&shared.raw_secret_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_agree_and_points_off_the_curve_are_refused() {
        let (one, other) = (P521.start().expect("a key"), P521.start().expect("a key"));
        let points = [one.pub_key().to_vec(), other.pub_key().to_vec()];
        assert_ne!(points[0], points[1]);
        let secret = one.complete(&points[1]).expect("a secret");
        let same = other.complete(&points[0]).expect("a secret");
        assert_eq!(
            (secret.secret_bytes().len(), secret.secret_bytes()),
            (SIZE, same.secret_bytes())
        );

        let mut off = points[0].clone();
        off[SIZE] ^= 1;
        let compressed = [&[2], &points[0][1..=SIZE]].concat();
        for bad in [&off[..], &compressed, &points[0][1..], &[0], &[]] {
            let refused = P521.start().expect("a key").complete(bad);
            assert_eq!(refused.err(), Some(PeerMisbehaved::InvalidKeyShare.into()));
        }
    }
}
