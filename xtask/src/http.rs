//! HTTP to servers on this machine: one request, one answer, one connection.
//!
//! HTTP/1.0, so that an answer is never cut into chunks and ends where the connection ends.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// A run of the miner or a bulk write may take this long.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// A server on loopback, and the key it wants.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    port: u16,
    key: Option<String>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: String,
}

impl Peer {
    /// A server that asks for no key.
    pub(crate) fn open(port: u16) -> Self {
        Self { port, key: None }
    }

    /// A server that wants `Authorization: Bearer <key>`.
    pub(crate) fn with_key(port: u16, key: &str) -> Self {
        Self {
            port,
            key: Some(key.to_owned()),
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask("GET", path, None)
    }

    /// Posts lines of JSON.
    pub(crate) fn post_lines(&self, path: &str, lines: &str) -> anyhow::Result<Answer> {
        self.ask("POST", path, Some(("application/x-ndjson", lines)))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> anyhow::Result<Answer> {
        self.ask("POST", path, Some(("application/json", body)))
    }

    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.ask("DELETE", path, None)
    }

    fn ask(&self, method: &str, path: &str, body: Option<(&str, &str)>) -> anyhow::Result<Answer> {
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n",
            self.port
        );
        if let Some(key) = &self.key {
            write!(request, "Authorization: Bearer {key}\r\n")?;
        }
        if let Some((kind, body)) = body {
            let length = body.len();
            write!(
                request,
                "Content-Type: {kind}\r\nContent-Length: {length}\r\n"
            )?;
        }
        write!(request, "\r\n{}", body.map_or("", |(_, body)| body))?;
        let shown = || format!("{method} http://127.0.0.1:{}{path}", self.port);
        let answer = self.exchange(request.as_bytes()).with_context(shown)?;
        Answer::parse(&answer).with_context(shown)
    }

    /// Lines of an answer that may be larger than memory; it is an error if it does not end well.
    pub(crate) fn count_lines(&self, path: &str) -> anyhow::Result<u64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let key = self.key.as_deref().unwrap_or_default();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {key}\r\n\r\n",
            self.port
        )?;
        let (mut chunk, mut lines) = (vec![0; 256 * 1024], 0);
        let mut head = Vec::new();
        loop {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            if head.len() < 15 {
                head.extend_from_slice(&chunk[..read.min(15)]);
            }
            lines += chunk[..read].split(|&byte| byte == b'\n').count() as u64 - 1;
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        ensure!(head.contains(" 200"), "GET {path}: {head}");
        Ok(lines)
    }

    fn exchange(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(bytes).context("the answer is not text")?;
        let (head, body) = text.split_once("\r\n\r\n").context("no HTTP came back")?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not an HTTP answer: {head}"))?;
        let answer = Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if let Some(length) = answer.header("content-length") {
            ensure!(
                length.parse() == Ok(answer.body.len()),
                "the answer was cut off"
            );
        }
        Ok(answer)
    }

    /// The value of a header, whatever case its name is written in.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        pairs
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body of an answer with status 200; any other status is an error.
    pub(crate) fn text(self) -> anyhow::Result<String> {
        if self.status != 200 {
            let start: String = self.body.chars().take(500).collect();
            bail!("status {}: {start}", self.status);
        }
        Ok(self.body)
    }

    /// The same, read as JSON.
    pub(crate) fn json(self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.text()?)?)
    }
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer =
            Answer::parse(b"HTTP/1.0 200 OK\r\nX-Next-Cursor: a:b\r\n\r\n{\"n\":1}").unwrap();
        assert_eq!(answer.header("x-next-cursor"), Some("a:b"));
        assert_eq!(answer.json().unwrap()["n"], 1);
    }

    #[test]
    fn an_answer_that_was_cut_off_is_an_error() {
        let error =
            Answer::parse(b"HTTP/1.0 200 OK\r\ncontent-length: 9\r\n\r\nshort").unwrap_err();
        assert!(error.to_string().contains("cut off"));
    }

    #[test]
    fn a_refusal_is_an_error_with_its_reason() {
        let answer = Answer::parse(b"HTTP/1.0 422 Unprocessable\r\n\r\nwrong body").unwrap();
        assert_eq!(
            answer.text().unwrap_err().to_string(),
            "status 422: wrong body"
        );
    }
}
