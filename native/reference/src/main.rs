//! `nydus-reference` is the upstream project's published libraries as a command line, for tests only.
//!
//! It is a builder, merger, checker and reader that shares no code with ours. The libraries keep process-wide singletons, so
//! a process runs one command. Prefetch patterns are read from standard input, as in upstream's tool.

mod batch;
mod check;
mod config;
mod create;
mod line;
mod list;
mod logger;
mod merge;
mod read;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const USAGE: &str = "usage: nydus-reference create [--fs-version 5|6] [--aligned-chunk] [--compressor zstd|none|lz4_block] [--digester blake3|sha256] [--chunk-size BYTES] [--batch-size BYTES] [--chunk-dict BOOT] SOURCE OUT.blob
       nydus-reference bootstrap BLOB OUT.boot
       nydus-reference merge [--chunk-dict BOOT] [--json] OUT.boot SRC.boot...
       nydus-reference check BOOT
       nydus-reference check-batch BOOT
       nydus-reference read [--devices DIR] BOOT BLOB-DIR
       nydus-reference list DIR
create and merge read prefetch patterns from standard input: give them \"/\" and a line break";

/// The flags with their values, and all other words of the command line.
struct Arguments {
    version: u32,
    aligned: bool,
    compressor: String,
    digester: String,
    chunk_size: u32,
    batch_size: u32,
    chunk_dict: Option<PathBuf>,
    devices: Option<PathBuf>,
    json: bool,
    rest: Vec<PathBuf>,
}

fn parse(mut raw: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut parsed = Arguments {
        version: 6,
        aligned: false,
        compressor: "zstd".to_owned(),
        digester: "blake3".to_owned(),
        chunk_size: 0x10_0000,
        batch_size: 0,
        chunk_dict: None,
        devices: None,
        json: false,
        rest: Vec::new(),
    };
    while let Some(argument) = raw.next() {
        let mut value = || raw.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--fs-version" => parsed.version = value()?.parse().context("--fs-version is not a number")?,
            "--aligned-chunk" => parsed.aligned = true,
            "--digester" => parsed.digester = value()?,
            "--compressor" => parsed.compressor = value()?,
            "--chunk-size" => parsed.chunk_size = value()?.parse().context("--chunk-size is not a number of bytes")?,
            "--batch-size" => parsed.batch_size = value()?.parse().context("--batch-size is not a number of bytes")?,
            "--chunk-dict" => parsed.chunk_dict = Some(value()?.into()),
            "--devices" => parsed.devices = Some(value()?.into()),
            "--json" => parsed.json = true,
            flag if flag.starts_with("--") => bail!("no such flag: {flag}\n{USAGE}"),
            path => parsed.rest.push(path.into()),
        }
    }
    Ok(parsed)
}

fn run() -> Result<()> {
    let mut raw = std::env::args().skip(1);
    let command = raw.next().context(USAGE)?;
    let arguments = parse(raw)?;
    let create = create::Options {
        version: arguments.version,
        compressor: &arguments.compressor,
        digester: &arguments.digester,
        aligned: arguments.aligned,
        chunk_size: arguments.chunk_size,
        batch_size: arguments.batch_size,
        chunk_dict: arguments.chunk_dict.as_deref(),
    };
    match (command.as_str(), arguments.rest.as_slice()) {
        ("create", [source, blob]) => {
            println!("{}", create::create(source, blob, &create)?);
            Ok(())
        }
        ("bootstrap", [blob, out]) => create::extract_bootstrap(blob, out),
        ("merge", [out, sources @ ..]) if !sources.is_empty() => {
            merge::merge(out, sources, arguments.chunk_dict.as_deref(), arguments.json)
        }
        ("check", [bootstrap]) => check::check(bootstrap),
        ("check-batch", [bootstrap]) => batch::check_batch(bootstrap),
        ("read", [bootstrap, blobs]) => read::read(bootstrap, blobs, arguments.devices.as_deref()),
        ("list", [folder]) => list::list(folder),
        _ => bail!("{USAGE}"),
    }
}

fn main() -> ExitCode {
    logger::install();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nydus-reference: {error:#}");
            ExitCode::FAILURE
        }
    }
}
