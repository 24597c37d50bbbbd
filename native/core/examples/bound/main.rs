//! Measures the steps that no conversion can do without, each alone on one thread. `npm run bench` compares with them.
//!
//! ```text
//! bound steps LEVEL CHUNK_SIZE LAYER...   source SHA-256, inflate, diffID, tar, chunk digests, zstd, blob SHA-256
//! bound get HOST:PORT PATH SIZE           the cost of reading SIZE bytes from a socket
//! bound put HOST:PORT PATH SIZE FILE      the cost of writing FILE to a socket
//! ```
//!
//! The program prints one JSON object. Seconds are CPU time of the thread if the system reports it, so that a busy machine
//! hardly changes them, else wall time.

mod clock;
mod steps;
mod wire;

use std::error::Error;
use std::process::ExitCode;

/// The reason why a measurement failed.
pub type Failure = Box<dyn Error + Send + Sync>;

fn run(args: &[String]) -> Result<String, Failure> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["steps", level, chunk_size, layers @ ..] => {
            steps::measure(level.parse()?, chunk_size.parse()?, layers)
        }
        ["get", host, path, size] => wire::get(host, path, size.parse()?),
        ["put", host, path, size, file] => wire::put(host, path, size.parse()?, file),
        _ => {
            Err("usage: bound steps LEVEL CHUNK_SIZE LAYER... | get HOST PATH SIZE | put HOST PATH SIZE FILE"
                .into())
        }
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr)] // A program, unlike the crate.
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
