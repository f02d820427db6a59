//! Where the statements of an SQL text begin and end, as far as quotes and comments decide it.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>. A body written as `BEGIN ATOMIC … END` is
//! not recognized; the house writes bodies in dollar quotes.

/// A statement, without the semicolon and the comments around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Its first byte in the text.
    pub(super) start: usize,
    pub(super) text: &'a str,
}

/// The statements of a text, in order; empty ones are none.
pub(super) fn split(text: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (token, length) = first_token(rest);
        let end = at + length;
        match token {
            Token::Blank => {}
            Token::Other => open = Some((open.map_or(at, |(start, _)| start), end)),
            Token::Semicolon => statements.extend(open.take().map(|found| statement(text, found))),
        }
        at = end;
    }
    statements.extend(open.map(|found| statement(text, found)));
    statements
}

fn statement(text: &str, (start, end): (usize, usize)) -> Statement<'_> {
    Statement {
        start,
        text: text.get(start..end).unwrap_or_default(),
    }
}

/// The byte at which the character with this number, counted from 1 as PostgreSQL does, begins.
pub(super) fn offset(text: &str, position: u32) -> usize {
    let before = usize::try_from(position).unwrap_or(usize::MAX);
    text.char_indices()
        .nth(before.saturating_sub(1))
        .map_or(text.len(), |(at, _)| at)
}

/// Line and column of a byte, both counted from 1.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Blank,
    Semicolon,
    Other,
}

/// The first token of a text that is not empty, and its length.
fn first_token(text: &str) -> (Token, usize) {
    let mut characters = text.chars();
    let first = characters.next().unwrap_or_default();
    let second = characters.next();
    match (first, second) {
        (';', _) => (Token::Semicolon, 1),
        ('-', Some('-')) => (Token::Blank, text.find('\n').unwrap_or(text.len())),
        ('/', Some('*')) => (Token::Blank, comment(text)),
        ('\'' | '"', _) => (Token::Other, 1 + quoted(&text[1..], first, false)),
        ('e' | 'E', Some('\'')) => (Token::Other, 2 + quoted(&text[2..], '\'', true)),
        ('$', _) => (Token::Other, dollar_quoted(text)),
        _ if first.is_whitespace() => (Token::Blank, first.len_utf8()),
        _ if is_word(first) => {
            let end = text.find(|character| !is_word(character) && character != '$');
            (Token::Other, end.unwrap_or(text.len()))
        }
        _ => (Token::Other, first.len_utf8()),
    }
}

/// What a name or a number is made of; a `$` may follow, but does not begin one.
fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of a comment in slashes, which may hold others.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of what follows an opening quote, with the closing one. A doubled quote is a character of the text and
/// reads here as two texts side by side, which ends at the same place.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if has_escapes && character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The length of `$tag$ … $tag$`; of a dollar that opens nothing, 1.
fn dollar_quoted(text: &str) -> usize {
    let Some(tag_end) = text.get(1..).and_then(|rest| rest.find('$')) else {
        return 1;
    };
    let (delimiter, rest) = text.split_at(tag_end + 2);
    let tag = &delimiter[1..=tag_end];
    if !tag.chars().all(is_word) || tag.starts_with(|first: char| first.is_numeric()) {
        return 1;
    }
    rest.find(delimiter)
        .map_or(text.len(), |end| 2 * delimiter.len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text).iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_of_quotes_and_comments() {
        for whole in [
            "SELECT ';'",
            "SELECT 'it''s; fine'",
            r"SELECT E'\';', 1",
            r"SELECT '\'",
            r#"SELECT ";""#,
            "SELECT $$;$$",
            "SELECT $a$;$$;$b$;$a$",
            "SELECT a$b$ + $1",
            "SELECT 1 -- one; two\n + 1",
            "SELECT 1 /* a; /* b; */ c; */ + 1",
            "SELECT 'ü;ß'",
        ] {
            assert_eq!(texts(&format!("{whole};SELECT 2")), [whole, "SELECT 2"]);
        }
    }

    #[test]
    fn what_is_between_statements_belongs_to_none() {
        let text = "-- about; it\n\n;; /* x */ BEGIN ; -- then\n  COMMIT -- done\n;\n";
        assert_eq!(texts(text), ["BEGIN", "COMMIT"]);
        assert_eq!(texts(" \n-- nothing"), Vec::<&str>::new());
        let starts: Vec<_> = split(text)
            .iter()
            .map(|found| line_and_column(text, found.start))
            .collect();
        assert_eq!(starts, [(3, 12), (4, 3)]);
    }

    #[test]
    fn what_is_not_closed_goes_to_the_end() {
        for text in [
            "SELECT 'a;",
            "SELECT $x$;$y$;",
            "SELECT E'\\';",
            "SELECT \";",
        ] {
            assert_eq!(texts(text), [text]);
        }
        assert_eq!(texts("SELECT 1 /* a; /* */ ;"), ["SELECT 1"]);
    }

    #[test]
    fn positions_count_characters() {
        let text = "-- ü\nSELECT ß, x";
        assert_eq!(line_and_column(text, offset(text, 1)), (1, 1));
        assert_eq!(line_and_column(text, offset(text, 16)), (2, 11));
        assert_eq!(text.get(offset(text, 16)..), Some("x"));
        assert_eq!(offset(text, 900), text.len());
    }
}
