//! Rows of fixed size in a file, read and written many at a time.

use std::io::{Read, Write};

use super::saved::Unreadable;

/// Bytes of rows that are read or written at once, about.
const BLOCK: usize = 64 * 1024;

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

pub(super) struct Reader<'a> {
    pub(super) from: Box<dyn Read + Send + 'a>,
    /// No more bytes than these are there.
    pub(super) most: usize,
}

impl Reader<'_> {
    pub(super) fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Unreadable> {
        self.from
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Unreadable("it is cut short"),
                _ => Unreadable("reading it failed"),
            })
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
