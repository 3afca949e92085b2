//! What a person, or a log, sees of the work: a bar on a terminal, a line for every tenth elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::bytes;

/// Between two drawings of the bar.
const REDRAW: Duration = Duration::from_millis(200);

/// To whom it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// A person, on standard error.
    Person,
    /// The log.
    Log,
    /// Nobody.
    Nobody,
}

impl Teller {
    /// A person if there is a terminal, else the log.
    pub fn here() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Person
        } else {
            Self::Log
        }
    }

    /// One line.
    pub(crate) fn say(self, text: &str) {
        match self {
            Self::Person => line(text),
            Self::Log => tracing::info!("{text}"),
            Self::Nobody => {}
        }
    }
}

/// How far a model is.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    total: u64,
    done: u64,
    told_tenth: u64,
    bar: Option<ProgressBar>,
    teller: Teller,
}

impl Progress {
    /// Of so many bytes, of which so many are there.
    pub(crate) fn new(name: &str, total: u64, done: u64, teller: Teller) -> Self {
        let is_drawn = teller == Teller::Person && std::io::stderr().is_terminal();
        let bar = is_drawn.then(|| {
            let bar = ProgressBar::new(total);
            let template = "{percent:>3} % {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(name.to_owned());
            bar.reset_eta();
            bar.set_position(done);
            bar.enable_steady_tick(REDRAW);
            bar
        });
        Self {
            name: name.to_owned(),
            total,
            done,
            told_tenth: tenth(done, total),
            bar,
            teller,
        }
    }

    /// So many bytes more have come.
    pub(crate) fn advance(&mut self, more: u64) {
        self.done = self.done.saturating_add(more).min(self.total);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            return;
        }
        let tenth = tenth(self.done, self.total);
        if tenth > self.told_tenth {
            self.told_tenth = tenth;
            let (percent, done, total) = (tenth * 10, bytes(self.done), bytes(self.total));
            self.say(&format!("{}: {percent} %, {done} of {total}", self.name));
        }
    }

    /// So many bytes of what came cannot be used. Tenths that were told are not told again.
    pub(crate) fn go_back(&mut self, lost: u64) {
        self.done = self.done.saturating_sub(lost);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        }
    }

    /// One line, above the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(text)),
            None => self.teller.say(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Nothing of nothing is all of it.
fn tenth(done: u64, total: u64) -> u64 {
    done.saturating_mul(10).checked_div(total).unwrap_or(10)
}

#[expect(
    clippy::print_stderr,
    reason = "for the person at the terminal; standard output has the outcome"
)]
fn line(text: &str) {
    eprintln!("{text}");
}
