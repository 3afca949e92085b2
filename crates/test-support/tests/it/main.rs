//! The servers of this crate, tried against real clients.

mod broker;
mod postgres;
mod proxy;
