//! Where an export is written to: memory, through a compressor or not, taken away piece by piece.

use std::io::{self, Write};

use flate2::write::GzEncoder;

/// How an export is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, which everything reads.
    Gzip,
    /// Zstandard, smaller and several times faster.
    Zstd,
}

/// A compressor and what came out of it.
pub(crate) enum Sink {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Sink {
    pub(crate) fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(Vec::new()),
            // The fastest: an export waits for its compressor.
            Compression::Gzip => {
                Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::fast()))
            }
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 1)?),
        })
    }

    /// Takes text; hands out what is ready.
    pub(crate) fn write(&mut self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        Ok(match self {
            Self::Plain(ready) => {
                debug_assert!(ready.is_empty(), "everything is handed out at once");
                text
            }
            Self::Gzip(encoder) => {
                encoder.write_all(&text)?;
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&text)?;
                std::mem::take(encoder.get_mut())
            }
        })
    }

    /// What is left, with the end that tells a reader that this is all.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(ready) => Ok(ready),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
