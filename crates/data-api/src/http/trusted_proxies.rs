//! Whose word about the address of a client is believed (`X-Forwarded-For`).

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;

/// Networks of proxies whose `X-Forwarded-For` counts; none by default: anybody can write that header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("'{text}' is neither an address nor a network such as 172.16.0.0/12");
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => bits,
        };
        if prefix > bits {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let differs = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        differs >= self.prefix
    }
}

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|network| network.holds(address.to_canonical()))
    }

    /// The address of the client: the last one, seen from here, that no trusted proxy has.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let mut client = peer;
        for text in forwarded.into_iter().rev() {
            // What is no address was not written by a proxy that we trust: the last good one counts.
            let Ok(address) = text.parse::<IpAddr>() else {
                break;
            };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let headers = HeaderMap::from_iter([(
            "x-forwarded-for".parse().unwrap(),
            forwarded.parse().unwrap(),
        )]);
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_header_counts_only_from_a_trusted_proxy_and_only_its_own_part_of_it() {
        assert_eq!(client("", "10.0.0.9", "1.2.3.4"), "10.0.0.9");
        assert_eq!(client("10.0.0.0/8", "10.0.0.9", "1.2.3.4"), "1.2.3.4");
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.0.0.9", "1.2.3.4"),
            "1.2.3.4"
        );
        // What the client wrote itself stands to the left of what the proxy added.
        assert_eq!(
            client("10.0.0.9", "10.0.0.9", "6.6.6.6, 1.2.3.4"),
            "1.2.3.4"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.0.0.9", "6.6.6.6, 1.2.3.4, 10.0.0.8"),
            "1.2.3.4"
        );
        assert_eq!(client("10.0.0.9", "10.0.0.9", "nonsense"), "10.0.0.9");
        assert_eq!(client("fd00::/8", "fd12::1", "2001:db8::7"), "2001:db8::7");
        assert_eq!(client("0.0.0.0/0", "10.0.0.9", "1.2.3.4"), "1.2.3.4");
    }

    #[test]
    fn what_is_no_network_is_told() {
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0.0/x", "10.0.0/8"] {
            let told = wrong.parse::<TrustedProxies>().unwrap_err();
            assert!(told.contains(wrong), "{told}");
        }
    }
}
