//! InfluxDB, where events can go besides data-api.

use common::env::{Env, Secret};
use url::Url;

/// Whether events are written to InfluxDB, too.
#[derive(Debug, Clone)]
pub enum InfluxDb {
    /// They are not; why, where somebody may have meant otherwise.
    Off(Option<&'static str>),
    /// They are, to this one.
    On(InfluxPeer),
}

/// An InfluxDB with API v2.
#[derive(Debug, Clone)]
pub struct InfluxPeer {
    /// Its address, without credentials.
    pub url: Url,
    /// May write to the bucket.
    pub token: Secret,
    /// Organisation that the bucket belongs to.
    pub org: String,
    /// Where the points go.
    pub bucket: String,
}

impl InfluxDb {
    pub(super) fn read(env: &mut Env) -> Self {
        let url: Option<Url> = env.optional(
            &["INFLUXDB_URL"],
            "Address of an InfluxDB v2 that gets every live event as a point, besides data-api; needs `INFLUXDB_TOKEN`.",
        );
        let token = env.secret(
            &["INFLUXDB_TOKEN"],
            "Token that may write to `INFLUXDB_BUCKET`; needs `INFLUXDB_URL`.",
        );
        let org = env.value(
            &["INFLUXDB_ORG"],
            "homeiq",
            "Organisation of `INFLUXDB_BUCKET`.",
        );
        let bucket = env.value(
            &["INFLUXDB_BUCKET"],
            "home_assistant_events",
            "Bucket of the points.",
        );
        match (url, token) {
            (None, None) => Self::Off(None),
            (Some(_), None) => Self::Off(Some("INFLUXDB_URL is set, INFLUXDB_TOKEN is not")),
            (None, Some(_)) => Self::Off(Some("INFLUXDB_TOKEN is set, INFLUXDB_URL is not")),
            (Some(url), Some(token)) => {
                let Some(url) = without_credentials(url) else {
                    env.mistake("INFLUXDB_URL: want http:// or https://");
                    return Self::Off(None);
                };
                Self::On(InfluxPeer {
                    url,
                    token,
                    org,
                    bucket,
                })
            }
        }
    }
}

/// None for what is not spoken over HTTP.
fn without_credentials(mut url: Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_address_and_token_and_half_of_that_is_off_and_no_mistake() {
        let address = ("INFLUXDB_URL", "http://me:secret@influxdb:8086");
        let token = ("INFLUXDB_TOKEN", "t");
        for (given, reason) in [
            (vec![], None),
            (vec![address], Some("INFLUXDB_TOKEN is not")),
            (vec![token], Some("INFLUXDB_URL is not")),
        ] {
            let mut env = Env::from_pairs(given);
            let InfluxDb::Off(why) = InfluxDb::read(&mut env) else {
                panic!("on");
            };
            assert_eq!(why.is_some(), reason.is_some());
            assert!(why.unwrap_or_default().contains(reason.unwrap_or_default()));
            assert!(env.finish().is_ok());
        }
        let mut env = Env::from_pairs([address, token]);
        let InfluxDb::On(peer) = InfluxDb::read(&mut env) else {
            panic!("off");
        };
        assert_eq!(peer.url.as_str(), "http://influxdb:8086/");
        assert_eq!(
            (peer.org.as_str(), peer.bucket.as_str()),
            ("homeiq", "home_assistant_events")
        );
    }

    #[test]
    fn another_scheme_is_a_mistake() {
        let mut env = Env::from_pairs([("INFLUXDB_URL", "ftp://a/"), ("INFLUXDB_TOKEN", "t")]);
        InfluxDb::read(&mut env);
        assert!(env.finish().is_err());
    }
}
