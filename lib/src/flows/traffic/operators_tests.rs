//! Subjects, parameters and networks of rows.

use super::*;
use crate::{scripted::START, web::request::Notes};
use http::{HeaderMap, Method};

fn request(route: &'static str, parameter: Option<&str>) -> Request {
    Request {
        method: Method::GET,
        query: String::new(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        parameter: parameter.map(str::to_owned),
        route,
        id: String::new(),
        address: None,
        deadline: Deadline::after(START.parse().unwrap(), BEFORE_CHANGE),
        is_change: false,
        notes: Notes::default(),
    }
}

#[test]
fn subject_is_object_in_path() {
    let id = "0e0f6a51-4a8b-4b57-9c8f-0d7b1b9a7c11";
    let subject_of = |route, parameter| {
        let (subject_type, id) = subject(&request(route, Some(parameter)));
        format!("{subject_type} {id}")
    };
    let capture = "/api/admin/bookings/{id}/capture";
    assert_eq!(subject_of(capture, id), format!("booking {id}"));
    let upper = id.to_uppercase();
    assert_eq!(subject_of(capture, &upper), format!("booking {id}"));
    assert_eq!(subject_of(capture, "=1+1"), format!("route {capture}"));
    let replay = "/api/admin/webhooks/{id}/replay";
    assert_eq!(subject_of(replay, "WH-1"), "webhook WH-1");
    let long = "x".repeat(256);
    for id in ["", "a b", "\u{e9}", &long] {
        assert_eq!(subject_of(replay, id), format!("route {replay}"));
    }
    assert_eq!(
        subject(&request("/api/admin/audit", None)),
        ("route", "/api/admin/audit".to_owned())
    );
}

#[test]
fn only_names_of_parameters_are_recorded() {
    let route = "/api/admin/bookings/{id}/capture";
    let query = "id=1&search=ada%40example.org&status=paid&x%3Dy=1&status=2";
    let names = parameter_names(route, query);
    let names: Vec<String> = names.into_iter().collect();
    assert_eq!(names, ["search", "status"]);
    let many: Vec<String> = (0..100).map(|number| format!("p{number}=1")).collect();
    assert_eq!(
        parameter_names(route, &many.join("&")).len(),
        MAX_PARAMETERS
    );
    assert!(parameter_names(route, &"x".repeat(33)).is_empty());
}

#[test]
fn addresses_are_recorded_as_networks() {
    let network_of = |address: &str| network(address.parse().unwrap()).unwrap();
    assert_eq!(network_of("203.0.113.77"), "203.0.113.0/24");
    assert_eq!(network_of("::ffff:203.0.113.77"), "203.0.113.0/24");
    assert_eq!(network_of("2001:db8:1:2:3::4"), "2001:db8:1::/48");
}
