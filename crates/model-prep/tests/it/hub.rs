//! A server in the layout of the hub, with ranges and tags, that misbehaves as a test tells it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri, header};
use futures_util::{StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is done with one request for the large file; those for other files are served.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// A status, and a header with it.
    Status(u16, Option<(&'static str, String)>),
    /// So many bytes, then the connection ends.
    Cut(usize),
    /// So many bytes, then nothing more.
    Stall(usize),
    /// The head says that there are so many more bytes than there are.
    SayLonger(u64),
    /// So many more bytes come than there are; the head says nothing.
    SendMore(usize),
    /// Other bytes of the same length.
    Garble,
    /// From now on the file is another one, of the same length.
    Change(Bytes),
    /// As it should be.
    Serve,
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
}

#[derive(Debug, Default)]
struct Story {
    files: Vec<(String, Bytes)>,
    deeds: VecDeque<Deed>,
    asked: Vec<Asked>,
    /// Where the large file is, if it is elsewhere.
    elsewhere: Option<String>,
    advertised: Option<(u64, String)>,
    has_tags: bool,
}

/// It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) url: String,
    story: Arc<Mutex<Story>>,
    server: JoinHandle<()>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Hub {
    /// Serves these files, by the end of their path. The first is the one that deeds are done to.
    #[expect(clippy::disallowed_methods, reason = "the test owns the server")]
    pub(crate) async fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter();
        let story = Arc::new(Mutex::new(Story {
            files: files
                .map(|(path, bytes)| ((*path).to_owned(), Bytes::copy_from_slice(bytes)))
                .collect(),
            has_tags: true,
            ..Story::default()
        }));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&story));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, story, server }
    }

    /// What happens to the next requests for the large file, one after the other; later ones are served.
    pub(crate) fn will(&self, deeds: impl IntoIterator<Item = Deed>) {
        self.story.lock().unwrap().deeds.extend(deeds);
    }

    /// The large file is at another address.
    pub(crate) fn redirects_to(&self, url: String, size: u64, digest: &str) {
        let mut story = self.story.lock().unwrap();
        story.elsewhere = Some(url);
        story.advertised = Some((size, digest.to_owned()));
    }

    /// Says nothing of versions.
    pub(crate) fn has_no_tags(&self) {
        self.story.lock().unwrap().has_tags = false;
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.story.lock().unwrap().asked.clone()
    }

    /// Those for files whose path ends so.
    pub(crate) fn asked_for(&self, end: &str) -> Vec<Asked> {
        let asked = self.asked().into_iter();
        asked.filter(|asked| asked.path.ends_with(end)).collect()
    }
}

async fn serve(
    State(story): State<Arc<Mutex<Story>>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let mut story = story.lock().unwrap();
    let text = |name| {
        let value = headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (range, if_range) = (text(header::RANGE), text(header::IF_RANGE));
    story.asked.push(Asked {
        path: uri.path().to_owned(),
        authorization: text(header::AUTHORIZATION),
        range: range.clone(),
        if_range: if_range.clone(),
    });
    let path = uri.path();
    let Some(position) = story.files.iter().position(|(end, _)| path.ends_with(end)) else {
        return status(404, None);
    };
    let is_large = position == 0;
    if is_large && let Some(url) = story.elsewhere.clone() {
        let (size, digest) = story.advertised.clone().unwrap();
        return Response::builder()
            .status(302)
            .header(header::LOCATION, url)
            .header("X-Linked-Size", size)
            .header("X-Linked-Etag", format!("\"{digest}\""))
            .body(Body::empty())
            .unwrap();
    }
    let deed = if is_large {
        story.deeds.pop_front()
    } else {
        None
    };
    if let Some(Deed::Change(other)) = &deed {
        story.files[0].1 = other.clone();
    }
    let bytes = story.files[position].1.clone();
    let tag = story.has_tags.then(|| tag(&bytes));
    drop(story);
    let is_same = if_range.is_none() || if_range == tag;
    let from = range.filter(|_| is_same).and_then(|range| first(&range));
    answer(&bytes, tag, from, deed.unwrap_or(Deed::Serve))
}

fn answer(bytes: &Bytes, tag: Option<String>, from: Option<usize>, deed: Deed) -> Response<Body> {
    let at = from.unwrap_or(0);
    if at >= bytes.len() && from.is_some() {
        return status(416, None);
    }
    let mut rest = bytes.slice(at..);
    let mut length = Some(rest.len() as u64);
    let mut body = None;
    match deed {
        Deed::Status(code, header) => return status(code, header),
        Deed::Cut(count) => {
            // What was given is sent when there is no more at the moment; only then the end.
            let end = stream::once(async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                Err(std::io::Error::other("cut"))
            });
            let first = stream::iter([Ok(rest.slice(..count))]);
            body = Some(Body::from_stream(first.chain(end)));
        }
        Deed::Stall(count) => {
            let first = stream::iter([Ok::<_, Infallible>(rest.slice(..count))]);
            body = Some(Body::from_stream(first.chain(stream::pending())));
        }
        Deed::SayLonger(more) => {
            length = length.map(|length| length + more);
            let all = stream::iter([Ok::<_, Infallible>(rest.clone())]);
            body = Some(Body::from_stream(all.chain(stream::pending())));
        }
        Deed::SendMore(more) => {
            rest = [&rest[..], &vec![7; more]].concat().into();
            length = None;
            let all = stream::iter([Ok::<_, Infallible>(rest.clone())]);
            body = Some(Body::from_stream(all));
        }
        Deed::Garble => rest = rest.iter().map(|byte| byte ^ 1).collect(),
        Deed::Change(_) | Deed::Serve => {}
    }
    let mut response = Response::builder().status(if from.is_some() { 206 } else { 200 });
    if let Some(length) = length {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    if let Some(tag) = tag {
        response = response.header(header::ETAG, tag);
    }
    if from.is_some() {
        let (last, total) = (bytes.len() - 1, bytes.len());
        response = response.header(header::CONTENT_RANGE, format!("bytes {at}-{last}/{total}"));
    }
    response
        .body(body.unwrap_or_else(|| Body::from(rest)))
        .unwrap()
}

fn status(code: u16, header: Option<(&'static str, String)>) -> Response<Body> {
    let mut response = Response::builder().status(code);
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    response.body(Body::from("no")).unwrap()
}

/// Differs where the bytes do.
fn tag(bytes: &Bytes) -> String {
    let sum = bytes.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("\"{sum:x}\"")
}

fn first(range: &str) -> Option<usize> {
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}
