//! Where models come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use models::{Model, ModelFile};
use url::{Host, Url};

/// A hub, a mirror of it, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Serves `<repository>/resolve/<revision>/<file>`.
    Hub(Url),
    /// Has the files themselves.
    Folder(PathBuf),
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("want https://HOST, http://HOST or file:///FOLDER, without user, query and fragment")]
pub struct InvalidSource;

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidSource)?;
        match url.scheme() {
            "file" => url
                .to_file_path()
                .map(Self::Folder)
                .map_err(|()| InvalidSource),
            "http" | "https" => {
                let is_plain = url.host().is_some()
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.query().is_none()
                    && url.fragment().is_none();
                is_plain.then_some(Self::Hub(url)).ok_or(InvalidSource)
            }
            _ => Err(InvalidSource),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(url) => f.write_str(url.as_str().trim_end_matches('/')),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// The address of a file on a hub.
pub(crate) fn address(hub: &Url, model: &Model, file: &ModelFile) -> Url {
    let mut url = hub.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments
            .pop_if_empty()
            .extend(model.repository.split('/'))
            .extend(["resolve", &model.revision])
            .extend(file.path.split('/'));
    }
    url
}

/// Where a folder may have a file: below `organisation/name`, below the model's name, or as a cache of the hub has it.
pub(crate) fn places(folder: &std::path::Path, model: &Model, file: &ModelFile) -> [PathBuf; 3] {
    [
        models::Cache::at(folder).file(model, file),
        folder.join(&model.repository).join(&file.path),
        folder.join(&model.name).join(&file.path),
    ]
}

/// Whether two addresses are one place to which a token may go: scheme, host and port.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether what is sent there can be read on the way: `http` beyond this machine.
pub(crate) fn is_overheard(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::Manifest;

    #[test]
    fn an_address_follows_the_layout_of_the_hub_also_below_a_path() {
        let manifest = Manifest::shipped();
        let model = manifest.get("all-MiniLM-L6-v2").unwrap();
        let pooling = model.files.iter().find(|file| file.path.contains('/'));
        for hub in ["https://mirror.example/hf", "https://mirror.example/hf/"] {
            let Ok(Source::Hub(url)) = hub.parse() else {
                panic!("{hub}")
            };
            assert_eq!(
                address(&url, model, pooling.unwrap()).as_str(),
                "https://mirror.example/hf/sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41/1_Pooling/config.json"
            );
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "huggingface.co",
            "ftp://host/models",
            "https://user:secret@host",
            "https://host/?token=x",
            "file://host/models",
        ] {
            assert_eq!(text.parse::<Source>(), Err(InvalidSource), "{text}");
        }
        assert_eq!(
            "file:///media/stick".parse(),
            Ok(Source::Folder("/media/stick".into()))
        );
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_overheard() {
        let overheard = |text: &str| is_overheard(&Url::parse(text).unwrap());
        assert!(overheard("http://mirror.lan/"));
        for text in [
            "https://mirror.lan/",
            "http://127.0.0.1:1/",
            "http://[::1]/",
        ] {
            assert!(!overheard(text), "{text}");
        }
    }
}
