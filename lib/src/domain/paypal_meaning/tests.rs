use super::*;
use crate::domain::{
    observation::{AuthorizationStatus, CaptureStatus, OrderStatus, RefundStatus},
    payment_record::{RecordedCaptureStatus, RecordedRefundStatus},
};

/// One row is one issue of a call. See the head of the file.
fn issues() -> impl Iterator<Item = (&'static str, u16, &'static str, Meaning)> {
    let rows = include_str!("issues.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let [call, status, issue, meaning] = row.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let meaning = match meaning {
            "done" => Meaning::Done,
            "declined_by_payer" => Meaning::DeclinedByPayer,
            "ended" => Meaning::Ended,
            "ours" => Meaning::Ours,
            "not_now" => Meaning::NotNow,
            "unknown" => Meaning::Unknown,
            other => panic!("{other}"),
        };
        (call, status.parse().unwrap(), issue, meaning)
    })
}

#[test]
fn each_issue_has_its_meaning() {
    assert_eq!(issues().count(), 299);
    for (call, status, issue, meaning) in issues() {
        assert_eq!(
            refusal_meaning(call, status, issue),
            meaning,
            "{call} {status} {issue}"
        );
    }
}

/// An issue that no row names would get its meaning by accident.
#[test]
fn table_names_each_business_rule() {
    for (call, status, issue, meaning) in issues() {
        if matches!(status, 400 | 403 | 422) {
            assert_eq!(listed_meaning(call, issue), Some(meaning), "{call} {issue}");
        }
    }
}

/// Every word of the table is an issue that somebody reported.
#[test]
fn table_names_no_other_issue() {
    let known: Vec<&str> = issues().map(|(_, _, issue, _)| issue).collect();
    let rows = ISSUES.iter().map(|(_, _, issues)| *issues);
    for issue in rows.chain([OURS]).flat_map(str::split_ascii_whitespace) {
        assert!(known.contains(&issue), "{issue}");
    }
}

/// A row about no call, or an issue that is listed twice for a call, is a slip.
#[test]
fn each_issue_of_call_has_one_row() {
    let calls = "create_order authorize_order get_order get_authorization capture_authorization \
                 reauthorize void_authorization get_capture refund_capture get_refund";
    for call in calls.split_ascii_whitespace() {
        let rows = ISSUES
            .iter()
            .filter(|(of, _, _)| of.is_empty() || has_word(of, call));
        let mut issues: Vec<&str> = rows
            .flat_map(|(_, _, issues)| issues.split_ascii_whitespace())
            .chain(OURS.split_ascii_whitespace())
            .collect();
        let count = issues.len();
        issues.sort_unstable();
        issues.dedup();
        assert_eq!(issues.len(), count, "{call}");
    }
    for (of, _, _) in ISSUES {
        assert!(
            of.split_ascii_whitespace()
                .all(|call| has_word(calls, call)),
            "{of}"
        );
    }
}

/// Statuses that decide alone, whatever the issue is, and issues of other calls.
#[test]
fn no_other_answer_is_a_no() {
    let no = "AUTHORIZATION_VOIDED";
    for (call, status, issue, meaning) in [
        ("capture_authorization", 400, no, Meaning::Unknown),
        ("capture_authorization", 401, no, Meaning::Ours),
        ("capture_authorization", 402, no, Meaning::Unknown),
        ("capture_authorization", 403, no, Meaning::Unknown),
        ("capture_authorization", 404, no, Meaning::Unknown),
        ("capture_authorization", 408, no, Meaning::Unknown),
        ("capture_authorization", 409, no, Meaning::Unknown),
        (
            "capture_authorization",
            409,
            "PREVIOUS_REQUEST_IN_PROGRESS",
            Meaning::Unknown,
        ),
        (
            "capture_authorization",
            409,
            "RESOURCE_CONFLICT",
            Meaning::Unknown,
        ),
        ("capture_authorization", 409, "", Meaning::Unknown),
        ("capture_authorization", 422, no, Meaning::Ended),
        ("capture_authorization", 422, "", Meaning::Unknown),
        (
            "capture_authorization",
            422,
            "UNPROCESSABLE_ENTITY",
            Meaning::Unknown,
        ),
        (
            "capture_authorization",
            422,
            "SOMETHING_NEW",
            Meaning::Unknown,
        ),
        (
            "capture_authorization",
            422,
            "capture_authorization",
            Meaning::Unknown,
        ),
        ("capture_authorization", 429, no, Meaning::NotNow),
        ("capture_authorization", 500, no, Meaning::Unknown),
        ("capture_authorization", 503, no, Meaning::Unknown),
        ("capture_authorization", 302, no, Meaning::Unknown),
    ] {
        assert_eq!(
            refusal_meaning(call, status, issue),
            meaning,
            "{call} {status} {issue}"
        );
    }
}

#[test]
fn issue_of_another_call_is_no_answer() {
    let no = "AUTHORIZATION_VOIDED";
    for (call, status, issue, meaning) in [
        ("authorize_order", 422, no, Meaning::Unknown),
        ("refund_capture", 422, no, Meaning::Unknown),
        ("refund_capture", 422, "PREVIOUSLY_VOIDED", Meaning::Unknown),
        ("get_order", 422, "ORDER_EXPIRED", Meaning::Unknown),
        ("get_order", 422, "PAYER_CANNOT_PAY", Meaning::Unknown),
        (
            "void_authorization",
            422,
            "CAPTURE_FULLY_REFUNDED",
            Meaning::Unknown,
        ),
        (
            "void_authorization",
            404,
            "RESOURCE_NOT_FOUND",
            Meaning::Ours,
        ),
        ("void_authorization", 404, "", Meaning::Unknown),
        (
            "get_authorization",
            404,
            "RESOURCE_NOT_FOUND",
            Meaning::Unknown,
        ),
    ] {
        assert_eq!(
            refusal_meaning(call, status, issue),
            meaning,
            "{call} {status} {issue}"
        );
    }
}

#[test]
fn statuses_have_meanings() {
    use Meaning::{DeclinedByPayer, Done, Ended, NotYet, Unknown};
    for (status, meaning) in [
        (OrderStatus::Created, NotYet),
        (OrderStatus::Saved, NotYet),
        (OrderStatus::Approved, NotYet),
        (OrderStatus::PayerActionRequired, NotYet),
        (OrderStatus::Completed, Done),
        (OrderStatus::Voided, Ended),
        (OrderStatus::Missing, Unknown),
        (OrderStatus::Unknown, Unknown),
    ] {
        assert_eq!(status.meaning(), meaning, "{status:?}");
    }
    for (status, meaning) in [
        (AuthorizationStatus::Created, Done),
        (AuthorizationStatus::PartiallyCaptured, Done),
        (AuthorizationStatus::Captured, Done),
        (AuthorizationStatus::Pending, NotYet),
        (AuthorizationStatus::Denied, Ended),
        (AuthorizationStatus::Voided, Ended),
        (AuthorizationStatus::Unknown, Unknown),
    ] {
        assert_eq!(status.meaning(), meaning, "{status:?}");
    }
    for (status, meaning, recorded) in [
        (CaptureStatus::Completed, Done, Some("completed")),
        (CaptureStatus::PartiallyRefunded, Done, Some("completed")),
        (CaptureStatus::Refunded, Done, Some("completed")),
        (CaptureStatus::Pending, NotYet, Some("pending")),
        (CaptureStatus::Declined, DeclinedByPayer, Some("declined")),
        (CaptureStatus::Failed, DeclinedByPayer, Some("declined")),
        (CaptureStatus::Unknown, Unknown, None),
    ] {
        let name = status.recorded().map(RecordedCaptureStatus::name);
        assert_eq!((status.meaning(), name), (meaning, recorded), "{status:?}");
    }
    for (status, meaning, recorded) in [
        (RefundStatus::Completed, Done, Some("refunded")),
        (RefundStatus::Pending, NotYet, Some("pending")),
        (RefundStatus::Failed, Ended, Some("refused")),
        (RefundStatus::Cancelled, Ended, Some("refused")),
        (RefundStatus::Unknown, Unknown, None),
    ] {
        let name = status.recorded().map(RecordedRefundStatus::name);
        assert_eq!((status.meaning(), name), (meaning, recorded), "{status:?}");
    }
}

#[test]
fn missing_order_has_ended_after_its_life() {
    let created = Some("2030-01-20T00:00:00Z".parse().unwrap());
    let at = |now: &str| missing_order_meaning(created, now.parse().unwrap());
    assert_eq!(at("2030-01-20T07:00:00Z"), Meaning::Unknown);
    assert_eq!(at("2030-01-20T07:00:01Z"), Meaning::Ended);
    let unknown_age = missing_order_meaning(None, "2030-01-20T07:00:01Z".parse().unwrap());
    assert_eq!(unknown_age, Meaning::Unknown);
}

#[test]
fn failure_kinds_are_those_of_the_database() {
    for (meaning, kind) in [
        (Meaning::Done, None),
        (Meaning::NotYet, None),
        (Meaning::DeclinedByPayer, Some("declined")),
        (Meaning::Ended, Some("ended")),
        (Meaning::Ours, Some("retryable")),
        (Meaning::NotNow, Some("retryable")),
        (Meaning::Unknown, Some("unknown")),
    ] {
        assert_eq!(meaning.failure_kind(), kind, "{meaning:?}");
    }
}

#[test]
fn some_failures_end_authorization() {
    for (code, ends) in [
        ("authorization_voided", true),
        ("authorization_denied", true),
        ("authorization_expired", true),
        ("AUTHORIZATION_EXPIRED", true),
        ("AUTHORIZATION_ALREADY_CAPTURED", true),
        ("PAYER_CANNOT_PAY", false),
        ("capture_declined", false),
        ("PERMISSION_DENIED", false),
        ("unknown", false),
        ("", false),
    ] {
        assert_eq!(ends_authorization(code), ends, "{code}");
    }
}
