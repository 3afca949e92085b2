//! Rows as the file has them.

use std::cmp::Ordering;

use super::pages::{Pages, u32_at};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// As SQLite orders: nothing, numbers, texts, bytes.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Integer(a), Self::Real(b)) => (*a as f64).total_cmp(b),
            (Self::Real(a), Self::Integer(b)) => a.total_cmp(&(*b as f64)),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Blob(a), Self::Blob(b)) => a.cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }

    const fn class(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
            Self::Blob(_) => 3,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number, in a table that has one.
    pub rowid: Option<i64>,
    /// Its values in the order of the file: as the columns were declared, or the key first in a table without rowid. Columns that were
    /// added later may be missing at the end.
    pub values: Vec<Value>,
}

/// A number of one to nine bytes, and how many they were.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some((number << 8 | u64::from(*byte), 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + 1));
        }
    }
    None
}

/// The payload of a cell, whose first part is at `at` of `page` and whose rest is on pages of its own.
pub(super) fn payload(
    pages: &Pages,
    page: &[u8],
    at: usize,
    length: u64,
    on_table_leaf: bool,
) -> Option<Vec<u8>> {
    let usable = pages.usable;
    let length = usize::try_from(length).ok()?;
    if length as u64 > u64::from(pages.count) * pages.page_bytes as u64 {
        return None;
    }
    let most = if on_table_leaf {
        usable - 35
    } else {
        (usable - 12) * 64 / 255 - 23
    };
    if length <= most {
        return page.get(..usable)?.get(at..at + length).map(<[u8]>::to_vec);
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (usable - 4);
    let here = if fitting <= most { fitting } else { least };
    let mut payload = page.get(..usable)?.get(at..at + here)?.to_vec();
    let mut next = u32_at(page, at + here)?;
    while payload.len() < length {
        let more = pages.page(next)?;
        let wanted = (length - payload.len()).min(usable - 4);
        payload.extend_from_slice(more.get(4..4 + wanted)?);
        next = u32_at(&more, 0)?;
    }
    // The last page of the chain says that it is the last.
    (next == 0).then_some(payload)
}

/// The values of a record; none where it is not one.
pub(super) fn values(payload: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(payload)?;
    let header = usize::try_from(header).ok()?;
    if header < at || header > payload.len() {
        return None;
    }
    let (mut values, mut content) = (Vec::new(), header);
    while at < header {
        let (kind, bytes) = varint(&payload[at..header])?;
        at += bytes;
        let length = usize::try_from(length(kind)?).ok()?;
        let bytes = payload.get(content..content.checked_add(length)?)?;
        content += length;
        values.push(value(kind, bytes)?);
    }
    (content == payload.len()).then_some(values)
}

fn length(kind: u64) -> Option<u64> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => (kind - 12) / 2,
    })
}

fn value(kind: u64, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        0 => Value::Null,
        1..=6 => {
            let negative = bytes.first()? & 0x80 != 0;
            let start = if negative { -1_i64 } else { 0 };
            Value::Integer(
                bytes
                    .iter()
                    .fold(start, |number, byte| number << 8 | i64::from(*byte)),
            )
        }
        7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
    })
}
