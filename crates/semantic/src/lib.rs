#![doc = include_str!("../README.md")]

mod batch;
mod bert;
mod embedding;
mod encoder;
mod error;
mod file;
mod tokens;
mod weights;

pub use embedding::{DIMENSION, Embedding};
pub use encoder::SentenceEncoder;
pub use error::Error;
