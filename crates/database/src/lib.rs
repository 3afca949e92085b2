#![doc = include_str!("../README.md")]

pub mod connection;
pub mod failure;
pub mod postgres;
mod reading;
pub mod row;
pub mod sqlite;
pub mod statement;
pub mod url;
pub mod value;

pub use connection::{Database, Engine, EngineTransaction, Migrations, Transaction, Writing};
pub use row::Row;
pub use statement::Statement;
pub use value::Value;
