//! Values on their way into a statement.

/// A parameter of a statement. Each kind has its own null, because PostgreSQL wants to know the type of that, too.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `INTEGER`, `BIGINT`.
    Integer(Option<i64>),
    /// `REAL`, `DOUBLE PRECISION`.
    Real(Option<f64>),
    /// `TEXT`.
    Text(Option<String>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<Vec<u8>>),
    /// `INTEGER` 0 or 1, `BOOLEAN`.
    Bool(Option<bool>),
}

macro_rules! into_value {
    ($kind:ident, $($from:ty),+) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$kind(Some(value.into()))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$kind(value.map(Into::into))
            }
        }
    )+};
}

into_value!(Integer, i64, i32, u32);
into_value!(Real, f64);
into_value!(Text, String, &str, &String);
into_value!(Bytes, Vec<u8>, &[u8]);
into_value!(Bool, bool);
