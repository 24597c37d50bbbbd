//! Does the least that a client can do with a registry's bytes: plain HTTP/1.1 over one socket, large reads and writes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::Failure;
use crate::clock::seconds;

const BUFFER: usize = 256 << 10;

/// Reads a body of `size` bytes and drops it.
pub fn get(host: &str, path: &str, size: u64) -> Result<String, Failure> {
    let start = seconds();
    let mut stream = TcpStream::connect(host)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    let mut status = None;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        status.get_or_insert_with(|| status_of(buffer.get(..read).unwrap_or_default()));
        total += read as u64;
    }
    if status.as_deref() != Some("200") || total < size {
        return Err(
            format!("GET {path}: status {}, {total} of {size} bytes", status.unwrap_or_default()).into()
        );
    }
    Ok(format!("{{\"seconds\":{:.4},\"bytes\":{total}}}", seconds() - start))
}

/// Sends the file as the body of a PUT.
pub fn put(host: &str, path: &str, size: u64, file: &str) -> Result<String, Failure> {
    let start = seconds();
    let mut stream = TcpStream::connect(host)?;
    let request = format!(
        "PUT {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/octet-stream\r\ncontent-length: {size}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut file = File::open(file)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        stream.write_all(buffer.get(..read).unwrap_or_default())?;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let status = status_of(&answer);
    if status != "201" {
        return Err(format!("PUT {path}: status {status}").into());
    }
    Ok(format!("{{\"seconds\":{:.4},\"bytes\":{size}}}", seconds() - start))
}

/// Takes `200` out of `HTTP/1.1 200 OK`.
fn status_of(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).split_whitespace().nth(1).unwrap_or_default().to_owned()
}
