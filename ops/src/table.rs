//! Rows under headings, each column as wide as its widest cell.

/// The lines of a table. Cells are shown as they are, the last column without trailing blanks.
pub(crate) fn draw<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(width);
    for row in rows {
        for (known, cell) in widths.iter_mut().zip(row) {
            *known = (*known).max(width(cell));
        }
    }
    let mut lines = vec![line(&headings, &widths)];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(line(&cells, &widths));
    }
    lines.join("\n")
}

fn line(cells: &[&str], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, wanted) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(wanted.saturating_sub(width(cell)) + 2));
    }
    line.trim_end().to_owned()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "später".to_owned(), "x".to_owned()],
            ["long".to_owned(), "b".to_owned(), String::new()],
        ];
        let drawn = draw(["NO", "WHEN", "WHAT"], &rows);
        assert_eq!(drawn, "NO    WHEN    WHAT\na     später  x\nlong  b");
    }
}
