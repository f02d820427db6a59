//! Tables as CSV (RFC 4180), for `Accept: text/csv`.
//!
//! Spreadsheets run a cell that looks like a formula, and names and reasons come from strangers. A
//! text that begins like one gets an apostrophe in front, which spreadsheets do not show. Numbers
//! stay as they are, because a negative amount begins like a formula too.
//! <https://owasp.org/www-community/attacks/CSV_Injection>

use super::{reply::Reply, request::Request};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    /// A number of ours. No client chooses its text.
    Number(String),
    Empty,
}

impl Cell {
    pub(crate) fn text(text: &(impl ToString + ?Sized)) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn number(number: &(impl ToString + ?Sized)) -> Self {
        Self::Number(number.to_string())
    }

    /// A text, or an empty cell.
    pub(crate) fn optional_text(text: Option<&(impl ToString + ?Sized)>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    /// A number, or an empty cell.
    pub(crate) fn optional_number(number: Option<&(impl ToString + ?Sized)>) -> Self {
        number.map_or(Self::Empty, Self::number)
    }

    fn write(&self, line: &mut String) {
        match self {
            Self::Empty => {}
            Self::Number(number) => line.push_str(number),
            Self::Text(text) => {
                let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
                let quote = text.contains([',', '"', '\r', '\n']);
                if quote {
                    line.push('"');
                }
                if is_formula {
                    line.push('\'');
                }
                if quote {
                    line.push_str(&text.replace('"', "\"\""));
                    line.push('"');
                } else {
                    line.push_str(text);
                }
            }
        }
    }
}

/// A table with a line of names.
pub(crate) fn table(names: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let mut csv = names.join(",");
    csv.push_str("\r\n");
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                csv.push(',');
            }
            cell.write(&mut csv);
        }
        csv.push_str("\r\n");
    }
    csv
}

/// Whether a client prefers CSV to JSON: `Accept` names `text/csv` with a weight above 0, and
/// `application/json` with no higher one.
pub(crate) fn wants_csv(headers: &HeaderMap) -> bool {
    let weight = |media_type: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|range| weight_of(range, media_type))
    };
    let csv = weight("text/csv").unwrap_or(0);
    csv > 0 && csv >= weight("application/json").unwrap_or(0)
}

/// The weight of a media range in thousandths, if it is `media_type` (RFC 9110, section 12.5.1). A
/// weight that cannot be read counts as 1.
fn weight_of(range: &str, media_type: &str) -> Option<u32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(media_type) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let Some((whole, decimals)) = weight.map(|text| text.split_once('.').unwrap_or((text, "")))
    else {
        return Some(1_000);
    };
    let thousandths = format!("{decimals:0<3}").parse().ok();
    match (whole, thousandths) {
        ("0", Some(thousandths @ 0..1_000)) => Some(thousandths),
        _ => Some(1_000),
    }
}

/// A response with one page of a table. `Link` names the next page, if there is one.
pub(crate) fn reply(request: &Request, csv: String, next: Option<&str>) -> Reply {
    let reply = Reply::bytes(StatusCode::OK, csv.into()).with_header(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
    );
    let link = next.and_then(|next| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(
                form_urlencoded::parse(request.query.as_bytes())
                    .filter(|(name, _)| name != "after" && name != "page"),
            )
            .append_pair("after", next)
            .finish();
        HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", request.route)).ok()
    });
    match link {
        Some(link) => reply.with_header(header::LINK, link),
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cells of a table, read by the rules of RFC 4180.
    fn parse(csv: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut is_quoted = false;
        let mut characters = csv.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if is_quoted && characters.peek() == Some(&'"') => {
                    cell.push('"');
                    characters.next();
                }
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !is_quoted && characters.peek() == Some(&'\n') => {
                    characters.next();
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                other => cell.push(other),
            }
        }
        assert!(cell.is_empty() && row.is_empty() && !is_quoted, "{csv}");
        rows
    }

    #[test]
    fn formulas_are_texts_and_numbers_stay() {
        for (cell, written) in [
            (Cell::text("=1+1"), "'=1+1"),
            (Cell::text("+49 30 1"), "'+49 30 1"),
            (Cell::text("-2"), "'-2"),
            (Cell::text("@SUM(A1)"), "'@SUM(A1)"),
            (Cell::text("\tx"), "'\tx"),
            (Cell::text("\rx"), "\"'\rx\""),
            (Cell::text("=\"a\",b"), "\"'=\"\"a\"\",b\""),
            (Cell::text("a=1"), "a=1"),
            (Cell::text(" =1"), " =1"),
            (Cell::number("-12.50"), "-12.50"),
            (Cell::Empty, ""),
            (Cell::text(""), ""),
        ] {
            assert_eq!(table(&["a"], [vec![cell]]), format!("a\r\n{written}\r\n"));
        }
    }

    proptest! {
        #[test]
        fn any_text_survives(texts in prop::collection::vec(any::<String>(), 1..5)) {
            let cells = texts.iter().map(Cell::text).collect();
            let names = vec!["n"; texts.len()];
            let rows = parse(&table(&names, [cells]));
            prop_assert_eq!(rows.len(), 2);
            for (text, cell) in texts.iter().zip(&rows[1]) {
                prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
                prop_assert!(cell == text || cell.strip_prefix('\'') == Some(text), "{cell:?}");
            }
        }
    }

    #[test]
    fn csv_is_sent_to_clients_that_prefer_it() {
        for (accept, expected) in [
            ("text/csv", true),
            ("TEXT/CSV; charset=utf-8", true),
            ("text/csv, application/json;q=0.5", true),
            ("application/json, text/csv", true),
            ("application/json, text/csv;q=0.9", false),
            ("text/csv;q=0", false),
            ("text/csv;q=0.000", false),
            ("text/csv;q=0.001", true),
            ("*/*", false),
            ("text/*", false),
            ("", false),
        ] {
            let value = HeaderValue::from_str(accept).unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT, value)]);
            assert_eq!(wants_csv(&headers), expected, "{accept}");
        }
        assert!(!wants_csv(&HeaderMap::new()));
    }
}
