//! Ports for servers that cannot be given port 0.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// A port of loopback that was free a moment ago.
///
/// Another process may take it first, so prefer a listener bound to port 0 wherever the server can
/// be handed one.
///
/// # Errors
/// When loopback has no free port left.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
