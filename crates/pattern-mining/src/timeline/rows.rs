//! Rows of fixed size in a file, read and written many at a time, with checksums in between.

use std::io::{Read, Write};

use crc32fast::Hasher;

use super::saved::Unreadable;

/// Bytes of rows that are read or written at once, about.
const BLOCK: usize = 64 * 1024;

/// Writes, and sums up what it writes.
pub(super) struct Writer<'a> {
    to: &'a mut dyn Write,
    sum: Hasher,
}

impl<'a> Writer<'a> {
    pub(super) fn new(to: &'a mut dyn Write) -> Self {
        Self {
            to,
            sum: Hasher::new(),
        }
    }

    /// Writes the checksum (CRC-32) of what was written since the last one.
    pub(super) fn sum(&mut self) -> std::io::Result<()> {
        let sum = std::mem::take(&mut self.sum).finalize();
        self.to.write_all(&sum.to_le_bytes())
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes rows, many at a time.
pub(super) fn write_rows<T, const N: usize>(
    to: &mut dyn Write,
    rows: impl IntoIterator<Item = T>,
    fill: impl Fn(&mut NewRow<N>, T),
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(BLOCK + N);
    for one in rows {
        let mut row = NewRow {
            bytes: [0; N],
            place: 0,
        };
        fill(&mut row, one);
        bytes.extend_from_slice(&row.bytes);
        if bytes.len() >= BLOCK {
            to.write_all(&bytes)?;
            bytes.clear();
        }
    }
    to.write_all(&bytes)
}

/// The bytes of one row that is being written, field after field.
pub(super) struct NewRow<const N: usize> {
    bytes: [u8; N],
    place: usize,
}

impl<const N: usize> NewRow<N> {
    pub(super) fn add<const LENGTH: usize>(&mut self, field: [u8; LENGTH]) {
        self.bytes[self.place..][..LENGTH].copy_from_slice(&field);
        self.place += LENGTH;
    }
}

/// The bytes of one row that is being read, field after field.
pub(super) struct Row<'a, const N: usize> {
    bytes: &'a [u8; N],
    place: usize,
}

impl<const N: usize> Row<'_, N> {
    pub(super) fn next<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let field = std::array::from_fn(|byte| self.bytes[self.place + byte]);
        self.place += LENGTH;
        field
    }
}

/// Reads what a [`Writer`] wrote.
pub(super) struct Reader<'a> {
    from: Box<dyn Read + Send + 'a>,
    /// No more bytes than these are there.
    most: usize,
    sum: Hasher,
}

impl<'a> Reader<'a> {
    /// From a reader that has so many bytes, about.
    pub(super) fn new(from: Box<dyn Read + Send + 'a>, length: u64) -> Self {
        Self {
            from,
            most: usize::try_from(length).unwrap_or(usize::MAX),
            sum: Hasher::new(),
        }
    }

    pub(super) fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Unreadable> {
        self.from
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Unreadable("it is cut short"),
                _ => Unreadable("reading it failed"),
            })?;
        self.sum.update(bytes);
        Ok(())
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Unreadable> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.most {
            return Err(Unreadable("it is cut short"));
        }
        let mut bytes = vec![0; length];
        self.exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the checksum of what was read since the last one.
    pub(super) fn check_sum(&mut self) -> Result<(), Unreadable> {
        let sum = std::mem::take(&mut self.sum).finalize();
        let expected = u32::from_le_bytes(self.array()?);
        self.sum.reset();
        if sum == expected {
            Ok(())
        } else {
            Err(Unreadable("its bytes are not those that were written"))
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let mut bytes = [0; N];
        self.exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The same, or none where nothing more is there.
    pub(super) fn array_or_end<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Unreadable> {
        let mut bytes = Vec::with_capacity(N);
        let mut part = (&mut self.from).take(N as u64);
        part.read_to_end(&mut bytes)
            .map_err(|_| Unreadable("reading it failed"))?;
        self.sum.update(&bytes);
        match bytes.try_into() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(bytes) if bytes.is_empty() => Ok(None),
            Err(_) => Err(Unreadable("it is cut short")),
        }
    }

    /// Rows of `N` bytes each.
    pub(super) fn rows<T, const N: usize>(
        &mut self,
        count: usize,
        read: impl Fn(&mut Row<'_, N>) -> T,
    ) -> Result<Vec<T>, Unreadable> {
        // A count that cannot be true does not get its memory.
        if count > self.most / N {
            return Err(Unreadable("it is cut short"));
        }
        let mut rows = Vec::with_capacity(count);
        let mut bytes = vec![0; (BLOCK / N * N).min(count * N)];
        while rows.len() < count {
            let part = bytes.len().min((count - rows.len()) * N);
            let part = &mut bytes[..part];
            self.exact(part)?;
            let (read_rows, _) = part.as_chunks::<N>();
            rows.extend(
                read_rows
                    .iter()
                    .map(|bytes| read(&mut Row { bytes, place: 0 })),
            );
        }
        Ok(rows)
    }
}
