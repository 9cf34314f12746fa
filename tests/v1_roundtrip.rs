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

/// A service's requests, where temporary files may have so many bytes.
fn transport(spool: u64) -> Transport {
    let options = json!({
        "environment": false, "certs-dir": "", "docker-config": "", "hosts-dir": "",
        "registries-conf": "", "limits": {"spool": spool},
        // The server reads all of a layer again before it answers.
        "timeouts": {"header-ms": 300_000, "idle-ms": 300_000},
    });
    let service = Service::parse(&options.to_string()).expect("a service");
    Transport::new(service.common().clone(), Identity::default())
}

fn layer_of(v1: &V1, id: &str) -> Url {
    format!("{}images/{id}/layer", v1.index.root()).parse().expect("an address")
}

fn writer(v1: &V1, id: &str, json: &[u8], spool: u64) -> LayerWriter {
    let url = layer_of(v1, id);
    LayerWriter::open(transport(spool), url, json.to_vec(), Path::new("/var/tmp"))
        .expect("a writer")
}

/// Sends what was written, and tells the server what came of it.
fn commit(v1: &V1, id: &str, writer: &mut LayerWriter, size: u64) {
    let sums = writer.commit(Some(size), &Run::new(None)).expect("a layer");
    v1.put_checksum(id, &sums.checksum, &sums.checksum_payload)
        .unwrap_or_else(|why| panic!("the server refuses {sums:?}: {why}"));
}

/// A layer as the server has it.
fn read(v1: &V1, id: &str) -> Vec<u8> {
    let (run, size) = (Run::new(None), v1.image(id).and_then(|image| image.layer?.len()));
    let mut reader =
        LayerReader::open(transport(0), layer_of(v1, id), size, &run).expect("a layer");
    let (mut layer, mut buffer) = (Vec::new(), vec![0; 256 << 10]);
    loop {
        match reader.read(&mut buffer, &run).expect("a layer") {
            0 => return layer,
            read => layer.extend_from_slice(&buffer[..read]),
        }
    }
}

#[test]
fn a_hundred_random_layers_come_back_whole() {
    println!("seed {SEED}");
    let mut random = Random::new(SEED);
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    let mut parent = None;
    for number in 0..100 {
        let (id, tar) = (random.id(), archive::random(&mut random));
        let json = json!({"id": id, "parent": parent, "comment": "größe"}).to_string();
        v1.put_json(&id, json.as_bytes());
        let mut writer = writer(&v1, &id, json.as_bytes(), 1 << 30);
        for piece in tar.chunks(7777) {
            writer.write(piece, &Run::new(None)).expect("written");
        }
        commit(&v1, &id, &mut writer, tar.len() as u64);
        let mut back = Vec::new();
        MultiGzDecoder::new(&read(&v1, &id)[..]).read_to_end(&mut back).expect("gzip");
        assert!(back == tar, "layer {number} came back whole");
        parent = if random.once_in(8) { None } else { Some(id) };
    }
}

#[test]
fn a_sparse_file_of_five_gib_comes_back_under_a_raised_spool() {
    let v1 = V1::standalone(ServerOptions::default(), Policy::default());
    let (id, run) = ("5".repeat(64), Run::new(None));
    let json = format!("{{\"id\":\"{id}\"}}").into_bytes();
    v1.put_json(&id, &json);

    let mut small = writer(&v1, &id, &json, 64 << 20);
    let mut source = Sparse::new();
    let mut buffer = vec![0; 1 << 20];
    let refused = loop {
        let read = source.read(&mut buffer).expect("it can be read");
        if let Err(error) = small.write(&buffer[..read], &run) {
            break error;
        }
    };
    assert_eq!((refused.code(), source.offset), (Code::Limit, 65 << 20));

    let mut large = writer(&v1, &id, &json, 6 * GIB);
    let (sent, length) = hash(Sparse::new(), |piece| large.write(piece, &run).expect("written"));
    assert_eq!(length, Sparse::TOTAL);
    commit(&v1, &id, &mut large, length);
    let layer = read(&v1, &id);
    assert_eq!(hash(MultiGzDecoder::new(&layer[..]), |_| {}), (sent, Sparse::TOTAL));
}
