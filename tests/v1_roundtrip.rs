//! Random images to a registry of v1 and back: nothing may get lost.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use ocireg::context::Run;
use ocireg::error::Code;
use ocireg::service::Service;
use ocireg::tls::Identity;
use ocireg::v1::layer::LayerReader;
use ocireg::v1::push_layer::LayerWriter;
use ocireg::v1::tarsum::tarsum;
use ocireg::v1::transport::Transport;
use ocireg_testkit::v1::Policy;
use ocireg_testkit::v1::archive::{self, Random};
use ocireg_testkit::{ServerOptions, V1, digest};
use ring::digest::{Context, SHA256};
use serde_json::json;
use url::Url;

/// Whatever is random here follows from this.
const SEED: u64 = 20_201_124;

#[test]
fn checksums_of_random_archives_are_those_that_the_server_computes() {
    println!("seed {SEED}");
    let mut random = Random::new(SEED);
    for number in 0..500 {
        let (tar, json) = (archive::random(&mut random), random.id());
        let ours = tarsum(&tar[..], json.as_bytes(), &Run::new(None))
            .unwrap_or_else(|e| panic!("archive {number}: {e:?}"));
        let theirs = ocireg_testkit::v1::tarsum::tarsum(json.as_bytes(), &tar[..])
            .unwrap_or_else(|e| panic!("archive {number}: {e:?}"));
        assert_eq!(ours, theirs, "archive {number}");
    }
}

const GIB: u64 = 1 << 30;

/// An archive of one sparse file of 5 GiB, read to its end.
struct Sparse {
    header: tar::Header,
    offset: u64,
}

impl Sparse {
    const SIZE: u64 = 5 * GIB;
    /// Header, content, and two empty blocks.
    const TOTAL: u64 = 512 + Self::SIZE + 1024;

    fn new() -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_path("sparse").expect("a name");
        header.set_size(Self::SIZE);
        header.set_mode(0o644);
        header.set_mtime(1);
        header.set_cksum();
        Self { header, offset: 0 }
    }
}

impl Read for Sparse {
    /// Whole blocks at a time; every GiB begins with one that is not empty.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = Self::TOTAL - self.offset;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..most];
        buffer.fill(0);
        let end = self.offset + most as u64;
        if self.offset == 0 {
            buffer[..512].copy_from_slice(self.header.as_bytes());
        }
        for part in 0..5 {
            let at = 512 + part * GIB;
            if (self.offset..end).contains(&at) {
                buffer[(at - self.offset) as usize] = part as u8 + 1;
            }
        }
        self.offset = end;
        Ok(most)
    }
}

/// The SHA-256 and the length of what `next` gives, piece by piece.
fn hash(mut source: impl Read, mut each: impl FnMut(&[u8])) -> (String, u64) {
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = source.read(&mut buffer).expect("it can be read");
        if read == 0 {
            return (digest::hex(context.finish().as_ref()), length);
        }
        context.update(&buffer[..read]);
        length += read as u64;
        each(&buffer[..read]);
    }
}

#[test]
fn a_sparse_file_of_five_gib_comes_back_under_a_raised_spool() {
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    let id = "5".repeat(64);
    let json = format!("{{\"id\":\"{id}\"}}").into_bytes();
    v1.put_json(&id, &json);
    let url: Url = format!("{}images/{id}/layer", v1.index.root()).parse().expect("an address");
    let run = Run::new(None);
    let transport = |spool: u64| {
        let options = json!({
            "environment": false, "certs-dir": "", "docker-config": "", "hosts-dir": "",
            "registries-conf": "", "limits": {"spool": spool},
            // The server reads all of it again before it answers.
            "timeouts": {"header-ms": 300_000, "idle-ms": 300_000},
        });
        let service = Service::parse(&options.to_string()).expect("a service");
        Transport::new(service.common().clone(), Identity::default())
    };
    let writer = |spool| {
        LayerWriter::open(transport(spool), url.clone(), json.clone(), Path::new("/var/tmp"))
            .expect("a writer")
    };

    let mut small = writer(64 << 20);
    let mut source = Sparse::new();
    let mut buffer = vec![0; 1 << 20];
    let refused = loop {
        let read = source.read(&mut buffer).expect("it can be read");
        if let Err(error) = small.write(&buffer[..read], &run) {
            break error;
        }
    };
    assert_eq!((refused.code(), source.offset), (Code::Limit, 65 << 20));

    let mut writer = writer(6 * GIB);
    let (sent, length) = hash(Sparse::new(), |piece| writer.write(piece, &run).expect("written"));
    assert_eq!(length, Sparse::TOTAL);
    let sums = writer.commit(Some(length), &run).expect("a layer");
    v1.put_checksum(&id, &sums.checksum, &sums.checksum_payload)
        .expect("the server's are the same");

    let size = v1.image(&id).and_then(|image| image.layer?.len());
    let mut reader = LayerReader::open(transport(0), url, size, &run).expect("a layer");
    let (mut layer, mut buffer) = (Vec::new(), vec![0; 256 << 10]);
    loop {
        match reader.read(&mut buffer, &run).expect("a layer") {
            0 => break,
            read => layer.extend_from_slice(&buffer[..read]),
        }
    }
    assert_eq!(hash(MultiGzDecoder::new(&layer[..]), |_| {}), (sent, Sparse::TOTAL));
}
