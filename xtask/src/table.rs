//! Results in columns.

/// Prints rows under their headings, each column as wide as its widest cell.
#[expect(clippy::print_stdout, reason = "the result of a command")]
pub(crate) fn print(headings: &[&str], rows: &[Vec<String>]) {
    println!("{}", render(headings, rows));
}

fn render(headings: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows);
        cells
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let rule = widths.iter().map(|&width| "-".repeat(width)).collect();
    let mut lines = Vec::new();
    for row in [&head, &rule].into_iter().chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        lines.push(cells.join("  ").trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["data-api".to_owned(), "9".to_owned()]];
        let text = render(&["image", "megabytes"], &rows);
        assert_eq!(
            text,
            "image     megabytes\n--------  ---------\ndata-api  9"
        );
    }
}
