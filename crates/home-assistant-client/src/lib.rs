#![doc = include_str!("../README.md")]

pub mod address;
mod client;
pub mod handshake;
mod rest;
mod socket;

pub use client::{AskFailed, HomeAssistant, NoClient, Peer};
