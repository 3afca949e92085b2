//! One request to a hub, and where it is sent on to.

use std::time::Duration;

use common::cause::innermost;
use common::env::Secret;
use models::{ModelFile, Sha256};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE,
    LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, redirect};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::source::is_same_origin;
use crate::{Failure, Settings};

/// Time to reach a host.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A hub sends on once, perhaps twice.
const MAX_REDIRECTS: usize = 5;
/// The longest wait that a source may ask for.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// The digest of a large file, from a hub that keeps it elsewhere.
const LINKED_DIGEST: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";

/// A hub or a mirror.
#[derive(Debug)]
pub(crate) struct Hub {
    http: reqwest::Client,
    url: Url,
    token: Option<Secret>,
    stall: Duration,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) url: &'a Url,
    pub(crate) file: &'a ModelFile,
    /// How many bytes are there already.
    pub(crate) have: u64,
    /// Of which version these are.
    pub(crate) tag: Option<String>,
}

/// An answer whose body can be read.
#[derive(Debug)]
pub(crate) struct Opened {
    response: Response,
    stall: Duration,
    /// Where in the file the body begins: what was there, or 0.
    pub(crate) at: u64,
    /// The version of the file.
    pub(crate) tag: Option<String>,
    /// The digest that the hub advertises.
    pub(crate) advertised: Option<Sha256>,
}

/// Why there is no body, or no more of it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It will not get better.
    Final(Failure),
    /// What is there cannot be gone on with.
    Stale,
    /// It may get better: why, and how long the source wants us to wait.
    Again(String, Option<Duration>),
}

impl Hub {
    pub(crate) fn new(url: &Url, settings: &Settings) -> Result<Self, Failure> {
        common::tls::install();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN.min(settings.stall))
            .user_agent(concat!("HomeIQ/", env!("CARGO_PKG_VERSION")))
            // Followed by hand: the digest stands in the answer that sends on, and the token must stay here.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Failure::NoClient(error.to_string()))?;
        Ok(Self {
            http,
            url: url.clone(),
            token: settings.token.clone(),
            stall: settings.stall,
        })
    }

    /// Asks for a file, or for the rest of it.
    pub(crate) async fn open(&self, wish: &Wish<'_>) -> Result<Opened, Trouble> {
        let mut url = wish.url.clone();
        let mut advertised = None;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&url, wish).await?;
            check_linked(response.headers(), wish, &mut advertised)?;
            let status = response.status();
            if status.is_redirection() {
                let location = response.headers().get(LOCATION);
                url = next(&url, location)?;
            } else if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
                return self.opened(response, wish, advertised);
            } else {
                return Err(self.refusal(&url, &response));
            }
        }
        Err(strange(wish.url, "with one redirect after the other"))
    }

    async fn ask(&self, url: &Url, wish: &Wish<'_>) -> Result<Response, Trouble> {
        let mut request = self
            .http
            .get(url.clone())
            .header(ACCEPT_ENCODING, "identity");
        if is_same_origin(url, &self.url)
            && let Some(token) = self.bearer()?
        {
            request = request.header(AUTHORIZATION, token);
        }
        if wish.have > 0 {
            request = request.header(RANGE, format!("bytes={}-", wish.have));
            if let Some(tag) = &wish.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        match tokio::time::timeout(self.stall, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Trouble::Again(reason(&error), None)),
            Err(_) => Err(stalled(self.stall)),
        }
    }

    fn bearer(&self) -> Result<Option<HeaderValue>, Trouble> {
        let no_token = |error| Trouble::Final(Failure::NoToken(error));
        let Some(secret) = &self.token else {
            return Ok(None);
        };
        let token = secret.current().map_err(no_token)?;
        let token = token.ok_or_else(|| {
            no_token("the file of HF_TOKEN_FILE is empty or not there".to_owned())
        })?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| no_token("HF_TOKEN has characters that no token has".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn opened(
        &self,
        response: Response,
        wish: &Wish<'_>,
        advertised: Option<Sha256>,
    ) -> Result<Opened, Trouble> {
        let tag = strong_tag(response.headers());
        let size = wish.file.size;
        let (at, total) = if response.status() == StatusCode::PARTIAL_CONTENT {
            if wish.tag.is_some() && tag.is_some() && wish.tag != tag {
                return Err(Trouble::Stale);
            }
            let range = content_range(response.headers());
            let (at, total) = range.ok_or_else(|| strange(wish.url, "206 without a range"))?;
            if at != wish.have {
                return Err(Trouble::Stale);
            }
            (at, Some(total))
        } else {
            (0, response.content_length())
        };
        if let Some(found) = total.filter(|total| *total != size) {
            return Err(other_size(wish, found));
        }
        Ok(Opened {
            response,
            stall: self.stall,
            at,
            tag,
            advertised,
        })
    }

    fn refusal(&self, url: &Url, response: &Response) -> Trouble {
        let status = response.status();
        let is_ours = is_same_origin(url, &self.url);
        let shown = shown(url);
        let wait = retry_after(response.headers());
        match status {
            StatusCode::RANGE_NOT_SATISFIABLE => Trouble::Stale,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                if wait.is_some_and(|wait| wait > MAX_WAIT) =>
            {
                Trouble::Final(Failure::Later {
                    url: shown,
                    seconds: wait.unwrap_or_default().as_secs(),
                })
            }
            // Elsewhere the address is made for one use, and may have been too old.
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED if !is_ours => {
                Trouble::Again(format!("{shown} answered {status}"), None)
            }
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Trouble::Final(Failure::Refused {
                url: shown,
                status: status.as_u16(),
                hint: if self.token.is_some() {
                    "HF_TOKEN is not accepted, or its owner has not agreed to the licence on the model's page"
                } else {
                    "it wants a token; set HF_TOKEN or HF_TOKEN_FILE"
                },
            }),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                Trouble::Final(Failure::NotThere { url: shown })
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
                Trouble::Again(format!("it answered {status}"), wait)
            }
            status if status.is_server_error() => {
                Trouble::Again(format!("it answered {status}"), wait)
            }
            status => strange(url, &status.to_string()),
        }
    }
}

impl Opened {
    /// The next bytes; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Trouble> {
        match tokio::time::timeout(self.stall, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(Trouble::Again(reason(&error), None)),
            Err(_) => Err(stalled(self.stall)),
        }
    }
}

/// Takes what a hub says of a file that it keeps elsewhere, and ends early where that is not what we know.
fn check_linked(
    headers: &HeaderMap,
    wish: &Wish<'_>,
    advertised: &mut Option<Sha256>,
) -> Result<(), Trouble> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let size: Option<u64> = text(LINKED_SIZE).and_then(|size| size.parse().ok());
    if let Some(found) = size.filter(|size| *size != wish.file.size) {
        return Err(other_size(wish, found));
    }
    let digest = text(LINKED_DIGEST)
        .map(|tag| tag.trim_start_matches("W/").trim_matches('"'))
        .and_then(|digest| digest.parse::<Sha256>().ok());
    if let (Some(found), Some(wanted)) = (&digest, &wish.file.sha256)
        && found != wanted
    {
        return Err(Trouble::Final(Failure::OtherBytes {
            from: shown(wish.url),
            found: found.clone(),
            wanted: wanted.clone(),
        }));
    }
    if digest.is_some() {
        *advertised = digest;
    }
    Ok(())
}

/// Where an answer sends us on to.
fn next(url: &Url, location: Option<&HeaderValue>) -> Result<Url, Trouble> {
    let location = location.and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok());
    let next = next.ok_or_else(|| strange(url, "with a redirect to nowhere"))?;
    match next.scheme() {
        "https" => Ok(next),
        "http" if url.scheme() == "http" => Ok(next),
        _ => Err(strange(url, "with a redirect that leaves https")),
    }
}

/// The `ETag`, if equal tags mean equal bytes.
fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    tag.starts_with('"').then(|| tag.to_owned())
}

/// First byte and size of the whole, of `bytes 5-9/10`.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()?))
}

/// Seconds only: a date would need the source's clock and ours to agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn other_size(wish: &Wish<'_>, found: u64) -> Trouble {
    Trouble::Final(Failure::OtherSize {
        url: shown(wish.url),
        found,
        wanted: wish.file.size,
    })
}

fn strange(url: &Url, what: &str) -> Trouble {
    Trouble::Final(Failure::Strange {
        url: shown(url),
        what: what.to_owned(),
    })
}

fn stalled(stall: Duration) -> Trouble {
    Trouble::Again(format!("nothing came for {} s", stall.as_secs_f64()), None)
}

/// An address without what may be secret in it: those that a hub sends on to are signed.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Why there is no answer, in words.
fn reason(error: &reqwest::Error) -> String {
    if let Some(trouble) = common::tls::trouble(error) {
        return format!("no TLS connection: {trouble:?}");
    }
    innermost(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: reqwest::header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_what_a_server_promises_is_gone_on_with() {
        assert_eq!(
            strong_tag(&headers(ETAG, "\"a\"")).as_deref(),
            Some("\"a\"")
        );
        assert_eq!(strong_tag(&headers(ETAG, "W/\"a\"")), None);
        let range = |text| content_range(&headers(CONTENT_RANGE, text));
        assert_eq!(range("bytes 5-9/10"), Some((5, 10)));
        assert_eq!(range("bytes 5-9/*"), None);
        assert_eq!(range("lines 5-9/10"), None);
    }

    #[test]
    fn a_redirect_may_be_relative_and_may_not_leave_https() {
        let next = |from: &str, to: &'static str| {
            let from = Url::parse(from).unwrap();
            next(&from, Some(&HeaderValue::from_static(to)))
                .ok()
                .map(String::from)
        };
        let relative = next("https://hub.example/a/b", "/api/c");
        assert_eq!(relative.as_deref(), Some("https://hub.example/api/c"));
        assert!(next("https://hub.example/", "https://cdn.example/").is_some());
        assert!(next("http://mirror.lan/", "http://disk.lan/").is_some());
        assert_eq!(next("https://hub.example/", "http://cdn.example/"), None);
        assert_eq!(next("https://hub.example/", "file:///etc/passwd"), None);
    }

    #[test]
    fn a_signature_in_an_address_is_not_shown() {
        let url = Url::parse("https://cdn.example/file?Signature=hidden#x").unwrap();
        assert_eq!(shown(&url), "https://cdn.example/file");
    }
}
