//! Writes every generated file: `cargo run -p ocireg-bindings-gen`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    for file in ocireg_bindings_gen::generate(&root) {
        if !file.is_current(&root) {
            file.write(&root)?;
            println!("wrote {}", file.path.display());
        }
    }
    Ok(())
}
