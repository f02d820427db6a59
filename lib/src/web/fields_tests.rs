use super::*;

fn text(text: &str) -> Result<String, Refusal> {
    crate::domain::refusal::parse_text(text, 5)
}

fn codes(fields: Fields) -> Vec<(String, &'static str)> {
    fields
        .finish(())
        .unwrap_err()
        .0
        .into_iter()
        .map(|error| (error.pointer, error.code))
        .collect()
}

#[test]
fn all_field_errors_are_collected() {
    let mut fields =
        Fields::from_json(br#"{"a":1,"b":null,"c":"","d":"toolong","e":{"f":[]}}"#).unwrap();
    for name in ["a", "b", "c", "d", "z"] {
        assert_eq!(fields.required(name, text), None);
    }
    fields.optional_object("e", |inner| inner.required("f", text));
    assert_eq!(
        codes(fields),
        [
            ("/a".into(), "wrong_type"),
            ("/b".into(), "required"),
            ("/c".into(), "empty"),
            ("/d".into(), "too_long"),
            ("/z".into(), "required"),
            ("/e/f".into(), "wrong_type"),
        ]
    );
}

#[test]
fn body_must_be_one_object() {
    for body in ["", "{", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "\u{feff}{}"] {
        assert_eq!(
            Fields::from_json(body.as_bytes()).unwrap_err(),
            BodyError::Malformed,
            "{body:?}"
        );
    }
    for body in ["[]", "1", "\"a\"", "null"] {
        assert_eq!(
            Fields::from_json(body.as_bytes()).unwrap_err(),
            BodyError::NotAnObject,
            "{body:?}"
        );
    }
    assert_eq!(
        Fields::from_json(&b"[".repeat(10_000)).unwrap_err(),
        BodyError::Malformed
    );
}

#[test]
fn duplicate_parameter_is_refused() {
    let mut fields = Fields::from_query("page=2&page=3&limit=1e9");
    assert_eq!(
        fields.optional_integer(
            "limit",
            1,
            50,
            Refusal::new("out_of_range", "must be from 1 to 50")
        ),
        None
    );
    assert_eq!(
        codes(fields),
        [
            ("/page".into(), "duplicate"),
            ("/limit".into(), "out_of_range")
        ]
    );
}
