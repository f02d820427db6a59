//! Draws every table in one style: headings, no lines, two spaces between columns.

use comfy_table::{Table, presets};

/// The lines of a table, without trailing spaces. Long cells are neither wrapped nor cut.
pub(crate) fn draw<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(headings)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "später".to_owned(), "x".to_owned()],
            ["long".to_owned(), "b".to_owned(), String::new()],
        ];
        let drawn = draw(["NO", "WHEN", "WHAT"], &rows);
        assert_eq!(drawn, "NO    WHEN    WHAT\na     später  x\nlong  b");
    }

    #[test]
    fn long_cells_stay_on_one_line() {
        let cell = "word ".repeat(100).trim_end().to_owned();
        let drawn = draw(["A", "B"], &[[cell.clone(), "b".to_owned()]]);
        assert_eq!(drawn.lines().last(), Some(format!("{cell}  b").as_str()));
    }
}
