#![doc = include_str!("../README.md")]

pub mod failure;
pub mod sqlite;
pub mod url;
