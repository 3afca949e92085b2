#![doc = include_str!("../README.md")]

mod cache;
mod digest;
mod lock;
mod manifest;

pub use cache::{Cache, Incomplete};
pub use digest::{NotADigest, Sha256};
pub use lock::{Lock, UnreadableLock};
pub use manifest::{InvalidManifest, Manifest, Model, ModelFile, UnknownModel};
