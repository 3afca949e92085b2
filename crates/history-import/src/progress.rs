//! How far an import is, for the person who waits: a bar on a terminal, a line for every tenth elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::{Report, grouped};

/// Between two drawings of the bar.
const REDRAW: Duration = Duration::from_millis(200);

/// What shows it.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    done: u64,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// The last tenth that was told.
    Lines(u64),
    Nowhere,
}

impl Progress {
    /// On standard error, if anyone is to see it.
    pub(crate) fn new(total: u64, quiet: bool) -> Self {
        let shown = if quiet || total == 0 {
            Shown::Nowhere
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(total);
            if let Ok(style) =
                ProgressStyle::with_template("{percent:>3} % {wide_bar} {msg}, {eta} left")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(REDRAW);
            Shown::Bar(bar)
        } else {
            Shown::Lines(0)
        };
        Self {
            total,
            done: 0,
            shown,
        }
    }

    /// So much more of the total is done.
    pub(crate) fn advance(&mut self, more: u64, report: &Report) {
        self.done = self.done.saturating_add(more).min(self.total);
        let rows = || {
            let (read, stored) = (grouped(report.read), grouped(report.stored));
            if report.dry_run {
                format!("{read} rows read")
            } else {
                format!("{read} rows read, {stored} stored")
            }
        };
        match &mut self.shown {
            Shown::Nowhere => {}
            Shown::Bar(bar) => {
                bar.set_position(self.done);
                bar.set_message(rows());
            }
            Shown::Lines(told) => {
                let tenth = self.done * 10 / self.total;
                if tenth > *told {
                    *told = tenth;
                    line(&format!("{:>3} %  {}", tenth * 10, rows()));
                }
            }
        }
    }

    /// Takes the bar away: the report follows.
    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "for the person at the terminal; standard output has the report"
)]
fn line(text: &str) {
    eprintln!("{text}");
}
