//! From the path of a request to its route.

use super::{Route, TABLE};
use http::Uri;

/// A route, and the value of its path parameter if it has one.
pub(super) struct RouteMatch {
    pub(super) route: &'static Route,
    pub(super) parameter: Option<String>,
}

impl RouteMatch {
    /// The route of `path`. A slash at the end of `path` makes no difference.
    pub(super) fn by_path(path: &str) -> Option<Self> {
        TABLE.iter().find_map(|route| {
            let PathMatch { parameter } = match_path(route.path, path)?;
            Some(Self { route, parameter })
        })
    }

    /// The route `name`. Its parameter comes from the path that clients use, or from the query of a
    /// path that the host rewrote.
    pub(super) fn by_name(name: &str, uri: &Uri) -> Option<Self> {
        let route = TABLE.iter().find(|route| route.name == name)?;
        let parameter = match_path(route.path, uri.path())
            .and_then(|path| path.parameter)
            .or_else(|| parameter_in_query(route.path, uri.query().unwrap_or_default()));
        Some(Self { route, parameter })
    }
}

/// A path that matches a template, and the value of the template's parameter if it has one.
struct PathMatch {
    parameter: Option<String>,
}

fn match_path(template: &str, path: &str) -> Option<PathMatch> {
    let mut parameter = None;
    let mut segments = path.strip_suffix('/').unwrap_or(path).split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            parameter = Some(decode_segment(segment)?);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(PathMatch { parameter })
}

/// Decodes a path segment, `None` when it is empty. A query value is encoded in the same way,
/// except for the plus sign.
fn decode_segment(segment: &str) -> Option<String> {
    let pair = format!("v={}", segment.replace('+', "%2B").replace('&', "%26"));
    let (_, value) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(value.into_owned()).filter(|value| !value.is_empty())
}

/// The query value that a rewrite made of the parameter of `template`.
fn parameter_in_query(template: &str, query: &str) -> Option<String> {
    let name = template
        .split('/')
        .find_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(path: &str) -> Option<(&'static str, Option<String>)> {
        RouteMatch::by_path(path).map(|matched| (matched.route.name, matched.parameter))
    }

    #[test]
    fn paths_match_their_routes() {
        assert_eq!(matched("/api/cars"), Some(("cars", None)));
        assert_eq!(matched("/api/cars/"), Some(("cars", None)));
        assert_eq!(
            matched("/api/cars/availability"),
            Some(("cars/availability", None))
        );
        assert_eq!(matched("/api/cars/123"), Some(("car", Some("123".into()))));
        assert_eq!(
            matched("/api/cars/a%2Fb+c"),
            Some(("car", Some("a/b+c".into())))
        );
        for path in [
            "/",
            "/api",
            "/api/cars/1/2",
            "/api/bookings//",
            "/API/cars",
            "/api/nothing",
        ] {
            assert_eq!(matched(path), None, "{path}");
        }
    }

    #[test]
    fn rewritten_parameter_comes_from_query() {
        assert_eq!(
            parameter_in_query("/api/cars/{car}", "x=1&car=a%20b"),
            Some("a b".into())
        );
        assert_eq!(parameter_in_query("/api/cars", "car=a"), None);
    }

    #[test]
    fn no_route_hides_a_later_one() {
        for (at, route) in TABLE.iter().enumerate() {
            let hiding = TABLE[..at]
                .iter()
                .find(|earlier| match_path(earlier.path, route.path).is_some());
            assert!(hiding.is_none(), "{}", route.path);
        }
    }
}
