//! A mirror of the hub on this machine, with the one model that services use, for a container to fetch from.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;

use crate::process;

/// It serves until this program ends, or its socket is shut by a drop.
#[derive(Debug)]
pub(crate) struct Mirror {
    port: u16,
    served: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    /// Serves `…/resolve/<commit>/<file>` from this folder, to containers only.
    pub(crate) fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let listener = listen()?;
        let port = listener.local_addr()?.port();
        let served = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&served);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A container that is gone is no matter.
                drop(answer(&stream, &folder, &list));
            }
        });
        Ok(Self { port, served })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The files that were asked for so far.
    pub(crate) fn served(&self) -> Vec<String> {
        self.served.lock().expect("nobody panics with it").clone()
    }
}

/// On the address of this machine that only containers see; where the engine runs in a machine of its own, on loopback, which it
/// passes on.
fn listen() -> anyhow::Result<TcpListener> {
    let mut inspect = Command::new("docker");
    let form = "{{with index .IPAM.Config 0}}{{.Gateway}} {{.Subnet}}{{end}}";
    inspect.args(["network", "inspect", "bridge", "--format", form]);
    let gateway = gateway(&process::output(&mut inspect)?);
    let bound = gateway.and_then(|gateway| TcpListener::bind((gateway, 0)).ok());
    match bound {
        Some(listener) => Ok(listener),
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the mirror"),
    }
}

/// The gateway among a gateway and a subnet. An engine that was started again may not name it: then it is the first address of the subnet.
fn gateway(told: &str) -> Option<IpAddr> {
    let (gateway, subnet) = told.trim_end().split_once(' ')?;
    gateway.parse().ok().or_else(|| {
        let network: Ipv4Addr = subnet.split('/').next()?.parse().ok()?;
        Some(Ipv4Addr::from_bits(network.to_bits() + 1).into())
    })
}

fn answer(stream: &TcpStream, folder: &Path, served: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split_whitespace().nth(1).unwrap_or_default();
    let file = path
        .split_once("/resolve/")
        .and_then(|(_, rest)| rest.split_once('/'));
    let file = file.map(|(_, file)| file).unwrap_or_default();
    let mut stream = stream;
    let found = File::open(folder.join(file))
        .ok()
        .filter(|_| !file.contains(".."));
    let Some(mut found) = found else {
        let no = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return Ok(stream.write_all(no.as_bytes())?);
    };
    served
        .lock()
        .expect("nobody panics with it")
        .push(file.to_owned());
    let length = found.metadata()?.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    std::io::copy(&mut found, &mut stream)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_told_or_the_first_address_of_the_subnet() {
        let first: Option<IpAddr> = "172.17.0.1".parse().ok();
        assert_eq!(gateway("172.17.0.1 172.17.0.0/16\n"), first);
        assert_eq!(gateway(" 172.17.0.0/16\n"), first);
        assert_eq!(gateway("\n"), None);
    }
}
