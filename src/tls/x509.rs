//! What a certificate says of itself. Chains are verified elsewhere; this is for judging a certificate that is trusted
//! as it stands, and for telling users what is wrong with one.

use std::fmt::Write;
use std::time::Duration;

use rustls::pki_types::UnixTime;

/// A certificate, as far as it is looked at here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// 1 to 3.
    pub version: u8,
    /// Who signed it: a name in DER.
    pub issuer: &'a [u8],
    /// Who holds its key: a name in DER.
    pub subject: &'a [u8],
    /// The first moment at which it is valid.
    pub not_before: UnixTime,
    /// The last.
    pub not_after: UnixTime,
    /// The bits of its key if that is an RSA key.
    pub rsa_bits: Option<usize>,
    /// Whether servers may show it; where it does not say what it is for, they may.
    pub for_servers: bool,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; None where it is not one.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut signed = Reader(Reader(der).expect(SEQUENCE)?);
        let mut fields = Reader(signed.expect(SEQUENCE)?);
        let version = match fields.take_if(VERSION) {
            Some(explicit) => Reader(explicit).expect(INTEGER)?.last()?.saturating_add(1),
            None => 1,
        };
        fields.expect(INTEGER)?; // The serial number.
        fields.expect(SEQUENCE)?; // The algorithm of the signature, again.
        let issuer = fields.whole(SEQUENCE)?;
        let mut validity = Reader(fields.expect(SEQUENCE)?);
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = fields.whole(SEQUENCE)?;
        let rsa_bits = rsa_bits(fields.expect(SEQUENCE)?);
        let mut for_servers = true;
        while let Some((tag, content)) = fields.next() {
            if tag == EXTENSIONS {
                for_servers = serves(content)?;
            }
        }
        Some(Self { version, issuer, subject, not_before, not_after, rsa_bits, for_servers })
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1e;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// Values in DER, one after another.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The same if the next value has this tag; else it stays.
    fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.0.first() == Some(&tag)).then(|| self.expect(tag)).flatten()
    }

    /// The next value with its tag and length.
    fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.expect(tag)?;
        before.get(..before.len() - self.0.len())
    }
}

/// UTCTime or GeneralizedTime, to the second and in UTC, as certificates must have them.
fn time(reader: &mut Reader<'_>) -> Option<UnixTime> {
    let (tag, text) = reader.next()?;
    let text = text.strip_suffix(b"Z")?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |n, digit| {
            digit.is_ascii_digit().then(|| n * 10 + u64::from(digit - b'0'))
        })
    };
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut parts = [0; 5];
    if rest.len() != 2 * parts.len() {
        return None;
    }
    for (part, digits) in parts.iter_mut().zip(rest.chunks(2)) {
        *part = number(digits)?;
    }
    let [month, day, hour, minute, second] = parts;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days in the calendar that begins in March, so that the day in leap years comes last.
    let (march_year, march_month) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * march_year + march_year / 4 - march_year / 100
        + march_year / 400
        + (153 * march_month + 2) / 5
        + day
        - 1;
    let since = days.saturating_sub(719_468) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(since)))
}

/// The size of an RSA key from the content of a SubjectPublicKeyInfo.
fn rsa_bits(info: &[u8]) -> Option<usize> {
    let mut info = Reader(info);
    let algorithm = Reader(info.expect(SEQUENCE)?).expect(OID)?;
    if !matches!(algorithm, RSA | RSA_PSS) {
        return None;
    }
    let (unused, key) = info.expect(BIT_STRING)?.split_first()?;
    let modulus =
        (*unused == 0).then(|| Reader(Reader(key).expect(SEQUENCE)?).expect(INTEGER))??;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let leading = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    Some(8 * (modulus.len() - zeros) - leading)
}

/// Whether extensions let a server show the certificate.
fn serves(extensions: &[u8]) -> Option<bool> {
    const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
    const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0];
    const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    let mut list = Reader(Reader(extensions).expect(SEQUENCE)?);
    while let Some(extension) = list.take_if(SEQUENCE) {
        let mut extension = Reader(extension);
        if extension.expect(OID)? != EXTENDED_KEY_USAGE {
            continue;
        }
        let (mut tag, mut content) = extension.next()?;
        if tag != OCTET_STRING {
            (tag, content) = extension.next()?; // It was marked critical.
        }
        let mut purposes =
            Reader((tag == OCTET_STRING).then(|| Reader(content).expect(SEQUENCE))??);
        let mut serves = false;
        while let Some(purpose) = purposes.take_if(OID) {
            serves |= matches!(purpose, ANY | SERVER);
        }
        return Some(serves);
    }
    Some(true)
}

/// What people call the holder of a name in DER: its common name, else its organisation.
pub fn display_name(name: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const UNIT: &[u8] = &[0x55, 4, 11];
    const ORGANISATION: &[u8] = &[0x55, 4, 10];
    let mut found = [None, None, None];
    let mut sets = Reader(Reader(name).expect(SEQUENCE)?);
    while let Some(set) = sets.take_if(SET) {
        let mut attributes = Reader(set);
        while let Some(attribute) = attributes.take_if(SEQUENCE) {
            let mut attribute = Reader(attribute);
            let place = match attribute.expect(OID)? {
                COMMON_NAME => 0,
                ORGANISATION => 1,
                UNIT => 2,
                _ => continue,
            };
            let (tag, bytes) = attribute.next()?;
            let text = if tag == BMP_STRING {
                let units: Vec<u16> = bytes
                    .chunks(2)
                    .map(|c| c.iter().fold(0, |n, b| n << 8 | u16::from(*b)))
                    .collect();
                String::from_utf16_lossy(&units)
            } else {
                String::from_utf8_lossy(bytes).into_owned()
            };
            found[place].get_or_insert(text);
        }
    }
    let name = found.into_iter().flatten().find(|name| !name.trim().is_empty())?;
    Some(name.chars().take(100).collect())
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

/// What people call the algorithm of an AlgorithmIdentifier, of which this is the content; a key's curve is named too.
pub fn algorithm_name(identifier: &[u8]) -> String {
    const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let mut reader = Reader(identifier);
    let Some(oid) = reader.expect(OID) else { return "an unreadable algorithm".to_owned() };
    if oid == EC_KEY {
        return match reader.expect(OID) {
            Some(curve) => format!("elliptic curve {}", oid_name(curve)),
            None => "an elliptic curve without a name".to_owned(),
        };
    }
    oid_name(oid)
}

fn oid_name(oid: &[u8]) -> String {
    const RSADSI: [u8; 6] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d];
    const X962: [u8; 5] = [0x2a, 0x86, 0x48, 0xce, 0x3d];
    const CERTICOM: [u8; 4] = [0x2b, 0x81, 4, 0];
    let known = match oid {
        RSA => "RSA",
        RSA_PSS => "RSA-PSS",
        _ if oid.starts_with(&RSADSI) => match &oid[RSADSI.len()..] {
            [1, 1, 2] => "RSA with MD2",
            [1, 1, 4] => "RSA with MD5",
            [1, 1, 5] => "RSA with SHA-1",
            [1, 1, 11] => "RSA with SHA-256",
            [1, 1, 12] => "RSA with SHA-384",
            [1, 1, 13] => "RSA with SHA-512",
            [1, 1, 14] => "RSA with SHA-224",
            _ => "",
        },
        _ if oid.starts_with(&X962) => match &oid[X962.len()..] {
            [3, 1, 1] => "P-192",
            [3, 1, 7] => "P-256",
            [4, 1] => "ECDSA with SHA-1",
            [4, 3, 1] => "ECDSA with SHA-224",
            [4, 3, 2] => "ECDSA with SHA-256",
            [4, 3, 3] => "ECDSA with SHA-384",
            [4, 3, 4] => "ECDSA with SHA-512",
            _ => "",
        },
        _ if oid.starts_with(&CERTICOM) => match &oid[CERTICOM.len()..] {
            [33] => "P-224",
            [10] => "secp256k1",
            [34] => "P-384",
            [35] => "P-521",
            _ => "",
        },
        [0x2b, 0x65, 0x70] => "Ed25519",
        [0x2b, 0x65, 0x71] => "Ed448",
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => "DSA with SHA-1",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 1..=4] => "DSA with SHA-2",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 9..=12] => "ECDSA with SHA-3",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 13..=16] => "RSA with SHA-3",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17] => "ML-DSA-44",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18] => "ML-DSA-65",
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19] => "ML-DSA-87",
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7] => "brainpoolP256r1",
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11] => "brainpoolP384r1",
        [0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13] => "brainpoolP512r1",
        _ => "",
    };
    if known.is_empty() { dotted(oid) } else { known.to_owned() }
}

/// An object identifier as people write it: `1.2.840.113549`.
fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut arc = 0u64;
    for byte in oid.iter().take(64) {
        arc = arc.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            // Writing to a string cannot fail.
            let _ = if text.is_empty() {
                let root = (arc / 40).min(2);
                write!(text, "{root}.{}", arc - 40 * root)
            } else {
                write!(text, ".{arc}")
            };
            arc = 0;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        let read = |tag: u8, text: &str| {
            let mut der = vec![tag, u8::try_from(text.len()).expect("short")];
            der.extend(text.as_bytes());
            time(&mut Reader(&der)).map(|time| time.as_secs())
        };
        assert_eq!(read(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(read(UTC_TIME, "000229120000Z"), Some(951_825_600));
        assert_eq!(read(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        assert_eq!(read(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        assert_eq!(read(UTC_TIME, "500101000000Z"), Some(0), "before the epoch is long ago");
        for bad in ["", "Z", "7001010000Z", "700101000000", "70010100000xZ", "701301000000Z"] {
            assert_eq!(read(UTC_TIME, bad), None, "{bad}");
        }
        assert_eq!(read(0x13, "700101000000Z"), None);
    }

    #[test]
    fn algorithms_have_names() {
        let name = |der: &[u8]| algorithm_name(der);
        assert_eq!(
            name(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0]),
            "RSA with SHA-1"
        );
        let curve = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 10];
        assert_eq!(name(&curve), "elliptic curve secp256k1");
        assert_eq!(name(&curve[..9]), "an elliptic curve without a name");
        assert_eq!(name(&[6, 3, 0x2b, 0x65, 0x71]), "Ed448");
        assert_eq!(name(&[6, 4, 0x88, 0x37, 0x63, 0x01]), "2.999.99.1");
        assert_eq!(name(&[]), "an unreadable algorithm");
        assert_eq!(name(&[6, 200, 1]), "an unreadable algorithm");
    }

    #[test]
    fn what_is_cut_or_changed_is_read_or_refused_without_a_panic() {
        let whole = include_bytes!("leaf.der");
        let read = Certificate::parse(whole).expect("a certificate");
        assert_eq!(display_name(read.issuer).as_deref(), Some("a private CA"));
        assert!(!read.is_self_issued() && read.for_servers && read.version == 3);
        assert_eq!(read.rsa_bits, Some(2048));
        for end in 0..whole.len() {
            assert_eq!(Certificate::parse(&whole[..end]), None, "cut at {end}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.to_vec();
                changed[at] = value;
                if let Some(read) = Certificate::parse(&changed) {
                    display_name(read.issuer);
                    display_name(read.subject);
                }
            }
        }
    }
}
