//! Settings that several services have: where to listen, how to log, where data-api is.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use url::Url;

use crate::env::{CommaList, Env, Secret};

/// An address to serve HTTP on.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address of the interface.
    pub host: IpAddr,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Name of the setting of the port, for messages.
    port_name: String,
}

/// Why a service cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}. Stop what uses the port, or set {port_name}")]
pub struct CannotListen {
    address: SocketAddr,
    port_name: String,
    reason: String,
}

impl Listen {
    /// Reads host and port. Every service also obeys `HOMEIQ_HOST`, so that a container sets one name for all.
    pub fn read(env: &mut Env, host_name: &str, port_names: &[&str], default_port: u16) -> Self {
        let host = env.value(
            &[host_name, "HOMEIQ_HOST"],
            "127.0.0.1",
            "Address to listen on. The container images set `HOMEIQ_HOST=0.0.0.0`.",
        );
        let port = env.value(port_names, &default_port.to_string(), "Port to listen on.");
        Self {
            host,
            port,
            port_name: port_names[0].to_owned(),
        }
    }

    /// Takes the port.
    pub async fn bind(&self) -> Result<TcpListener, CannotListen> {
        let address = SocketAddr::from((self.host, self.port));
        TcpListener::bind(address)
            .await
            .map_err(|error| CannotListen {
                address,
                port_name: self.port_name.clone(),
                reason: match error.kind() {
                    std::io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
                    std::io::ErrorKind::PermissionDenied => "this user may not use it".to_owned(),
                    _ => error.to_string(),
                },
            })
    }
}

/// A time zone by its name in the IANA database, or as POSIX writes one; a leading colon, as in some `TZ` values, is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneName(pub TimeZone);

impl FromStr for ZoneName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim_start_matches(':');
        TimeZone::get(name)
            .or_else(|_| TimeZone::posix(name))
            .map(Self)
            .map_err(|_| "want the name of a time zone, such as Europe/Berlin")
    }
}

/// Folder of secrets that services make for each other, such as data-api's key.
pub fn secrets_dir(env: &mut Env) -> PathBuf {
    env.value(
        &["SECRETS_DIR"],
        "./data/secrets",
        "Folder in which data-api keeps the key it makes at its first start, and in which its siblings look for it.",
    )
}

/// Name of the file in the secrets folder that holds data-api's key.
pub const DATA_API_KEY_FILE: &str = "data_api_key";

/// Where data-api's key comes from: as configured, else the file in the secrets folder.
pub fn data_api_key(env: &mut Env) -> Secret {
    let dir = secrets_dir(env);
    env.secret(
        &["DATA_API_API_KEY", "DATA_API_KEY", "API_KEY"],
        "Key of data-api (`Authorization: Bearer …`). Without any, data-api makes one at its first start in `SECRETS_DIR`.",
    )
    .unwrap_or_else(|| Secret::File(dir.join(DATA_API_KEY_FILE)))
}

/// How a client finds data-api.
#[derive(Debug, Clone)]
pub struct DataApiPeer {
    /// Base address.
    pub url: Url,
    /// Its key.
    pub key: Secret,
}

impl DataApiPeer {
    /// Reads address and key.
    pub fn read(env: &mut Env) -> Self {
        let url = env.value::<HttpUrl>(
            &["DATA_API_URL"],
            "http://127.0.0.1:8006",
            "Address of data-api.",
        );
        Self {
            url: url.0,
            key: data_api_key(env),
        }
    }
}

/// An `http://` or `https://` address without a trailing path slash problem: joins work as people expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(pub Url);

impl FromStr for HttpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text)
            .map_err(|error| format!("{error}: want an address such as http://host:8006"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("want an address that begins with http:// or https://".to_owned());
        }
        Ok(Self(url))
    }
}

/// Which web pages of other origins may call a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOrigins(pub Vec<String>);

impl CorsOrigins {
    /// Reads `CORS_ORIGINS`.
    pub fn read(env: &mut Env) -> Self {
        let CommaList(list) = env.value(
            &["CORS_ORIGINS"],
            "http://localhost:3000,http://localhost",
            "Comma list of origins whose web pages may call this service; `*` for any (then without credentials).",
        );
        let origins: Vec<String> = list
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_owned())
            .filter(|o| !o.is_empty())
            .collect();
        for origin in &origins {
            if origin != "*" && Url::parse(origin).is_err() {
                env.mistake(format!(
                    "CORS_ORIGINS: '{origin}' is not an origin such as http://localhost:3000"
                ));
            }
        }
        Self(origins)
    }
}
