//! Random images to a registry of v1 and back: nothing may get lost.

use ocireg::context::Run;
use ocireg::v1::tarsum::tarsum;
use ocireg_testkit::v1::archive::{self, Random};

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
