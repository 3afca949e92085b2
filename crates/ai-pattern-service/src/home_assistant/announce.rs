//! New habits as a notification in Home Assistant.

use home_assistant_automation::prose;
use home_assistant_client::AskFailed;
use pattern_mining::pattern::Pattern;
use serde_json::json;

use super::Home;

/// The same for ever: a newer notification takes the place of an older one.
const NOTIFICATION_ID: &str = "homeiq_new_habits";
/// Habits that are named; the others are counted.
const MAX_NAMED: usize = 10;

impl Home {
    /// Whether anybody wants to be told this way.
    pub(crate) fn announces(&self) -> bool {
        self.notify && self.reader.is_some()
    }

    /// Tells of new habits; they were told once this returns.
    pub(crate) async fn announce(&self, habits: &[Pattern]) -> Result<(), AskFailed> {
        let Some(reader) = &self.reader else {
            return Err(AskFailed::NoToken(super::WHAT_TO_SET.to_owned()));
        };
        let body = json!({
            "notification_id": NOTIFICATION_ID,
            "title": title(habits.len()),
            "message": message(habits, self.public_url.as_ref().map(url::Url::as_str)),
        });
        let path = ["services", "persistent_notification", "create"];
        reader.post(&path, &body).await?;
        Ok(())
    }
}

fn title(count: usize) -> String {
    match count {
        1 => "HomeIQ: a new habit".to_owned(),
        count => format!("HomeIQ: {count} new habits"),
    }
}

/// A list in Markdown; names of the home have no marks in it.
fn message(habits: &[Pattern], link: Option<&str>) -> String {
    let mut lines: Vec<String> = habits
        .iter()
        .take(MAX_NAMED)
        .map(|habit| format!("- {}", unmarked(&habit.sentence)))
        .collect();
    if habits.len() > MAX_NAMED {
        lines.push(format!("- and {} more", habits.len() - MAX_NAMED));
    }
    if let Some(link) = link {
        lines.push(format!("\n[Open HomeIQ]({link})"));
    }
    lines.join("\n")
}

fn unmarked(text: &str) -> String {
    let mut out = String::new();
    for c in prose(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '|' | '~' | '&'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_marks_and_no_templates() {
        let text = unmarked("[x](http://evil) <img> {{ states('a') }} **b**");
        assert_eq!(
            text,
            r"\[x\](http://evil) \<img\> (( states('a') )) \*\*b\*\*"
        );
        assert_eq!(title(1), "HomeIQ: a new habit");
    }
}
