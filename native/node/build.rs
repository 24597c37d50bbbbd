//! Sets the linker flags of a Node addon, and the file to which napi's macros write the types of the interface.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    napi_build::setup();
    // `npm run docs` makes src/native/addon-types.ts from this file.
    let types = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../target/types");
    std::fs::create_dir_all(&types)?;
    println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", types.display());
    Ok(())
}
