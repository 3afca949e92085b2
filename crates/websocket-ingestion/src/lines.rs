//! Events as they travel: lines of NDJSON, written once when they arrive and never read again on their way.

use axum::body::Bytes;
use common::api::events::NewEvent;
use common::instant::UtcMicros;

/// One event: its JSON without the end of the line, and its instant.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) json: Bytes,
    pub(crate) at: UtcMicros,
}

impl Line {
    /// The line of an event. An event that cannot be written does not exist: it came from JSON.
    pub(crate) fn of(event: &NewEvent) -> Result<Self, serde_json::Error> {
        let mut json = Vec::with_capacity(768);
        serde_json::to_writer(&mut json, event)?;
        Ok(Self {
            // What was set aside for a longer line must not stay in memory with it.
            json: Bytes::copy_from_slice(&json),
            at: event.last_updated,
        })
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }
}

/// Lines that are sent together: one body, and where each line ends in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    body: Bytes,
    ends: Vec<(usize, UtcMicros)>,
}

impl Lines {
    /// How many events.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The body of a request.
    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The first and the last instant.
    pub(crate) fn span(&self) -> Option<(UtcMicros, UtcMicros)> {
        let instants = || self.ends.iter().map(|(_, at)| *at);
        instants().min().zip(instants().max())
    }

    /// The memory of the body, if nobody else has it any more.
    pub(crate) fn into_memory(self) -> Option<Vec<u8>> {
        self.body.try_into_mut().ok().map(Vec::from)
    }

    /// The first half and the rest, of two lines or more.
    pub(crate) fn halves(&self) -> (Self, Self) {
        let (first, second) = self.ends.split_at(self.ends.len() / 2);
        let cut = first.last().map_or(0, |(end, _)| *end);
        let rest = second.iter().map(|(end, at)| (end - cut, *at)).collect();
        (
            Self {
                body: self.body.slice(..cut),
                ends: first.to_vec(),
            },
            Self {
                body: self.body.slice(cut..),
                ends: rest,
            },
        )
    }
}

/// Puts lines into one body.
#[derive(Debug, Default)]
pub(crate) struct LinesBuilder {
    body: Vec<u8>,
    ends: Vec<(usize, UtcMicros)>,
}

impl LinesBuilder {
    /// Into memory that is there already.
    pub(crate) fn reusing(mut body: Vec<u8>) -> Self {
        body.clear();
        Self {
            body,
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, json: &[u8], at: UtcMicros) {
        self.body.extend_from_slice(json);
        self.body.push(b'\n');
        self.ends.push((self.body.len(), at));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn finish(self) -> Lines {
        Lines {
            body: self.body.into(),
            ends: self.ends,
        }
    }
}

impl<'a> FromIterator<&'a Line> for Lines {
    fn from_iter<I: IntoIterator<Item = &'a Line>>(lines: I) -> Self {
        let lines = lines.into_iter();
        let mut builder = LinesBuilder::reusing(Vec::with_capacity(lines.size_hint().0 * 512));
        for line in lines {
            builder.push(&line.json, line.at);
        }
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::tests::line;

    #[test]
    fn halves_are_the_same_lines_in_the_same_order() {
        let all: Vec<Line> = (0..5).map(line).collect();
        let lines: Lines = all.iter().collect();
        let (first, second) = lines.halves();
        assert_eq!((first.len(), second.len()), (2, 3));
        assert_eq!([first.body(), second.body()].concat(), lines.body());
        assert_eq!(second.span(), Some((all[2].at, all[4].at)));
        let (third, _) = second.halves();
        assert_eq!(third.body(), [&all[2].json[..], b"\n"].concat());
    }
}
