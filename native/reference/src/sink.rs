//! The storage layer writes the data it reads to this memory, in place of the FUSE device.

use std::io::{self, Write};

use fuse_backend_rs::api::filesystem::ZeroCopyWriter;
use fuse_backend_rs::file_buf::FileVolatileSlice;
use fuse_backend_rs::file_traits::FileReadWriteVolatile;
use vm_memory::VolatileSlice;

#[derive(Default)]
pub struct Sink {
    pub bytes: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ZeroCopyWriter for Sink {
    fn write_from(&mut self, file: &mut dyn FileReadWriteVolatile, count: usize, offset: u64) -> io::Result<usize> {
        let start = self.bytes.len();
        self.bytes.resize(start + count, 0);
        let read = match self.bytes.get_mut(start..) {
            Some(room) => {
                let slice = VolatileSlice::from(room);
                file.read_vectored_at_volatile(&[FileVolatileSlice::from_volatile_slice(&slice)], offset)?
            }
            None => 0,
        };
        self.bytes.truncate(start + read);
        Ok(read)
    }

    fn available_bytes(&self) -> usize {
        usize::MAX
    }
}
