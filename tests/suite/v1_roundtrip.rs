//! Random images to a registry of v1 and back: nothing may get lost.

use std::io::Read;

use crate::scene;
use crate::v1_scene::{FORMS, Image, World, pull, push};
use flate2::read::MultiGzDecoder;
use ocireg::call::Call;
use ocireg::v1::tarsum::tarsum;
use ocireg_testkit::digest;
use ocireg_testkit::v1::archive::{self, Random};
use ring::digest::{Context, SHA256};
use serde_json::json;

/// Whatever is random here follows from this.
const SEED: u64 = 20_201_124;

#[test]
fn checksums_of_random_archives_are_those_that_the_server_computes() {
    println!("seed {SEED}");
    let mut random = Random::new(SEED);
    for number in 0..500 {
        let (tar, json) = (archive::random(&mut random), random.id());
        let ours = tarsum(&tar[..], json.as_bytes(), &Call::new(None))
            .unwrap_or_else(|e| panic!("archive {number}: {e:?}"));
        let theirs = ocireg_testkit::v1::tarsum::tarsum(json.as_bytes(), &tar[..])
            .unwrap_or_else(|e| panic!("archive {number}: {e:?}"));
        assert_eq!(ours, theirs, "archive {number}");
    }
}

#[test]
fn a_hundred_random_images_come_back_whole() {
    println!("seed {SEED}");
    let mut random = Random::new(SEED);
    let worlds = FORMS.map(|form| World::start(form, json!({})));
    let (mut images, mut tag) = (0, 0);
    while images < 100 {
        let world = &worlds[tag % worlds.len()];
        let length = (1 + random.below(8) as usize).min(100 - images);
        let chain = Image::chain(&mut random, length);
        let tag_name = format!("v{tag}");
        push(&world.session(), &world.reference(), &chain, &tag_name)
            .unwrap_or_else(|e| panic!("push {tag_name}: {e:#?}"));
        pull(&world.session(), &world.reference(), &chain, &tag_name)
            .unwrap_or_else(|e| panic!("pull {tag_name}: {e:#?}"));
        images += length;
        tag += 1;
    }
    // Later pushes took nothing away from earlier ones.
    let stored: usize = worlds.iter().map(|world| world.v1.listed("demo/app").len()).sum();
    let tags: usize = worlds.iter().map(|world| world.v1.tags("demo/app").len()).sum();
    assert_eq!((stored, tags), (100, tag));
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
    let id = "5".repeat(64);
    let (json, data) = (format!("{{\"id\":\"{id}\"}}"), json!({"id": id}));
    let start = |spool: u64| {
        // The server reads all of it again before it answers.
        let timeouts = json!({"header-ms": 300_000, "idle-ms": 300_000});
        let world =
            World::start(FORMS[0], json!({"limits": {"spool": spool}, "timeouts": timeouts}));
        let (session, registry) = (world.session(), world.v1.index.root());
        session.push_image_json(&data, &registry, json.as_bytes()).expect("its JSON");
        let writer = session.push_image_layer(&id, &registry, json.as_bytes()).expect("a writer");
        (world, session, registry, writer)
    };

    let (_small, .., mut writer) = start(64 << 20);
    let mut source = Sparse::new();
    let mut buffer = vec![0; 1 << 20];
    let refused = loop {
        let read = source.read(&mut buffer).expect("it can be read");
        if let Err(failure) = writer.write(None, &buffer[..read]) {
            break failure;
        }
    };
    assert_eq!((refused.code, source.offset), (scene::LIMIT, 65 << 20));

    let (_large, session, registry, mut writer) = start(6 * GIB);
    let (sent, length) = hash(Sparse::new(), |piece| writer.write(None, piece).expect("written"));
    assert_eq!(length, Sparse::TOTAL);
    let sums = writer.commit(None).expect("a layer");
    let data = json!({
        "id": id, "checksum": sums["checksum"], "checksum_payload": sums["checksum_payload"],
    });
    session.push_image_checksum(&data, &registry).expect("the server's checksums are the same");

    let (_, size) = session.remote_image_json(&id, &registry).expect("its JSON");
    let mut layer = Vec::new();
    let mut reader = session.remote_image_layer(&id, &registry, size).expect("a layer");
    reader.read_to_end(None, &mut layer).expect("a layer");
    assert_eq!(hash(MultiGzDecoder::new(&layer[..]), |_| {}), (sent, Sparse::TOTAL));
}
