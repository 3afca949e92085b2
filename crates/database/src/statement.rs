//! Statements that both databases understand.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Postgres, QueryBuilder, Sqlite};

use crate::postgres;
use crate::value::Value;

/// A statement of pieces with more values than this is not kept prepared: its text is another one each time, and hundreds of such texts
/// with hundreds of places each take tens of megabytes.
const MOST_VALUES_KEPT: usize = 16;

/// A statement with its parameters.
///
/// Either one text with the places `$1`, `$2` … ([`Statement::with`]), or pieces and values in turn ([`Statement::new`]), where what is
/// asked decides what is in it. Text is always part of the program; everything from outside is a [`Value`].
#[derive(Debug, Clone)]
pub struct Statement(Form);

#[derive(Debug, Clone)]
enum Form {
    Numbered(&'static str, Vec<Value>),
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone)]
enum Piece {
    Text(&'static str),
    Value(Value),
}

impl Statement {
    /// One text with numbered places, and their values in order.
    pub fn with(text: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self(Form::Numbered(text, values.into_iter().collect()))
    }

    /// Begins a statement of pieces.
    pub fn new(text: &'static str) -> Self {
        Self(Form::Pieces(vec![Piece::Text(text)]))
    }

    fn piece(mut self, piece: Piece) -> Self {
        if let Form::Pieces(pieces) = &mut self.0 {
            pieces.push(piece);
            return self;
        }
        let Form::Numbered(text, _) = self.0 else {
            return self;
        };
        debug_assert!(false, "'{text}' has numbered places: no pieces can follow");
        self
    }

    /// Adds text.
    #[must_use]
    pub fn push(self, text: &'static str) -> Self {
        self.piece(Piece::Text(text))
    }

    /// Adds a value.
    #[must_use]
    pub fn bind(self, value: impl Into<Value>) -> Self {
        self.piece(Piece::Value(value.into()))
    }

    /// Adds text and a value, when there is a value.
    #[must_use]
    pub fn bind_some(self, text: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// Adds values with commas between them.
    #[must_use]
    pub fn list(mut self, values: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        for (position, value) in values.into_iter().enumerate() {
            if position > 0 {
                self = self.push(", ");
            }
            self = self.bind(value);
        }
        self
    }

    pub(crate) fn sqlite(self) -> Built<Sqlite> {
        match self.0 {
            Form::Numbered(text, values) => Built::Numbered(text, values),
            Form::Pieces(pieces) => {
                let is_kept = is_kept(&pieces);
                let mut builder = QueryBuilder::<Sqlite>::new("");
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => builder.push(text),
                        Piece::Value(Value::Integer(value)) => builder.push_bind(value),
                        Piece::Value(Value::Real(value)) => builder.push_bind(value),
                        Piece::Value(Value::Text(value)) => builder.push_bind(value),
                        Piece::Value(Value::Bytes(value)) => builder.push_bind(value),
                        Piece::Value(Value::Bool(value)) => builder.push_bind(value),
                    };
                }
                Built::Pieces(builder, is_kept)
            }
        }
    }

    pub(crate) fn postgres(self) -> Built<Postgres> {
        match self.0 {
            Form::Numbered(text, values) => Built::Numbered(text, values),
            Form::Pieces(pieces) => {
                let is_kept = is_kept(&pieces);
                let mut builder = QueryBuilder::<Postgres>::new("");
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => builder.push(text),
                        Piece::Value(Value::Integer(value)) => builder.push_bind(value),
                        Piece::Value(Value::Real(value)) => builder.push_bind(value),
                        Piece::Value(Value::Text(value)) => {
                            builder.push_bind(postgres::text(value))
                        }
                        Piece::Value(Value::Bytes(value)) => builder.push_bind(value),
                        Piece::Value(Value::Bool(value)) => builder.push_bind(value),
                    };
                }
                Built::Pieces(builder, is_kept)
            }
        }
    }
}

impl From<&'static str> for Statement {
    fn from(text: &'static str) -> Self {
        Self::with(text, [])
    }
}

/// A statement in the form of one driver.
pub(crate) enum Built<DB: sqlx::Database> {
    Numbered(&'static str, Vec<Value>),
    /// With whether it stays prepared.
    Pieces(QueryBuilder<DB>, bool),
}

fn is_kept(pieces: &[Piece]) -> bool {
    let values = pieces
        .iter()
        .filter(|piece| matches!(piece, Piece::Value(_)));
    values.count() <= MOST_VALUES_KEPT
}

impl Built<Sqlite> {
    pub(crate) fn query(&mut self) -> Query<'_, Sqlite, SqliteArguments> {
        match self {
            Self::Pieces(builder, is_kept) => builder.build().persistent(*is_kept),
            Self::Numbered(text, values) => {
                values
                    .drain(..)
                    .fold(sqlx::query(*text), |query, value| match value {
                        Value::Integer(value) => query.bind(value),
                        Value::Real(value) => query.bind(value),
                        Value::Text(value) => query.bind(value),
                        Value::Bytes(value) => query.bind(value),
                        Value::Bool(value) => query.bind(value),
                    })
            }
        }
    }
}

impl Built<Postgres> {
    pub(crate) fn query(&mut self) -> Query<'_, Postgres, PgArguments> {
        match self {
            Self::Pieces(builder, is_kept) => builder.build().persistent(*is_kept),
            Self::Numbered(text, values) => {
                values
                    .drain(..)
                    .fold(sqlx::query(*text), |query, value| match value {
                        Value::Integer(value) => query.bind(value),
                        Value::Real(value) => query.bind(value),
                        Value::Text(value) => query.bind(postgres::text(value)),
                        Value::Bytes(value) => query.bind(value),
                        Value::Bool(value) => query.bind(value),
                    })
            }
        }
    }
}
