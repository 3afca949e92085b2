//! The SHA-256 of a file, as text.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Hex digits of a SHA-256.
const DIGITS: usize = 64;

/// A SHA-256 in lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha256(String);

/// What was given is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a SHA-256: want 64 hex digits")]
pub struct NotADigest(String);

impl Sha256 {
    /// Of the bytes that a hash function gave.
    pub fn of_bytes(bytes: &[u8; DIGITS / 2]) -> Self {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Self(
            digits
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect(),
        )
    }

    /// Its hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sha256 {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NotADigest(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Sha256 {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_hex_digits_and_case_does_not_matter() {
        let digest = Sha256::of_bytes(&[0xAB; 32]);
        assert_eq!(digest.as_str(), "ab".repeat(32));
        assert_eq!("AB".repeat(32).parse(), Ok(digest));
        assert!("ab".parse::<Sha256>().is_err());
        assert!("xy".repeat(32).parse::<Sha256>().is_err());
    }
}
