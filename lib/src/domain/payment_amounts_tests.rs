use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// PayPal's books of one payment, in cents. They move amounts instead of computing them.
#[derive(Clone, Debug, Default)]
struct Books {
    price: i64,
    is_authorized: bool,
    is_open: bool,
    /// Held, and not part of a pending capture.
    open: i64,
    released: i64,
    captured: i64,
    refunded: i64,
    captures: Vec<(i64, &'static str)>,
    refunds: Vec<(i64, &'static str)>,
}

/// A step at PayPal. A share is in percent of the amount that it can move.
#[derive(Clone, Copy, Debug)]
enum Step {
    Authorize,
    Capture {
        share: i64,
        is_final: bool,
        is_pending: bool,
    },
    DecideCapture {
        succeeds: bool,
    },
    Release,
    OrderRefund {
        share: i64,
    },
    AcceptRefund,
    DecideRefund {
        succeeds: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Authorize),
        (1_i64..=100, any::<bool>(), any::<bool>()).prop_map(|(share, is_final, is_pending)| {
            Step::Capture {
                share,
                is_final,
                is_pending,
            }
        }),
        any::<bool>().prop_map(|succeeds| Step::DecideCapture { succeeds }),
        Just(Step::Release),
        (1_i64..=100).prop_map(|share| Step::OrderRefund { share }),
        Just(Step::AcceptRefund),
        any::<bool>().prop_map(|succeeds| Step::DecideRefund { succeeds }),
    ]
}

impl Books {
    fn pending_capture(&self) -> i64 {
        self.captures
            .iter()
            .filter(|it| it.1 == "pending")
            .map(|it| it.0)
            .sum()
    }

    fn open_refunds(&self) -> i64 {
        self.refunds
            .iter()
            .filter(|it| it.1 == "ordered" || it.1 == "pending")
            .map(|it| it.0)
            .sum()
    }

    fn close(&mut self) {
        self.is_open = false;
        self.released += self.open;
        self.open = 0;
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Authorize if !self.is_authorized => {
                self.is_authorized = true;
                self.is_open = true;
                self.open = self.price;
            }
            Step::Capture {
                share,
                is_final,
                is_pending,
            } if self.open * share >= 100 => {
                let amount = self.open * share / 100;
                self.open -= amount;
                if is_pending {
                    self.captures.push((amount, "pending"));
                } else {
                    self.captured += amount;
                    self.captures.push((amount, "completed"));
                }
                if is_final {
                    self.close();
                }
            }
            Step::DecideCapture { succeeds } => {
                let Some(capture) = self.captures.iter_mut().find(|it| it.1 == "pending") else {
                    return;
                };
                let amount = capture.0;
                capture.1 = if succeeds { "completed" } else { "declined" };
                if succeeds {
                    self.captured += amount;
                } else if self.is_open {
                    self.open += amount;
                } else {
                    self.released += amount;
                }
            }
            Step::Release if self.is_open => self.close(),
            Step::OrderRefund { share } => {
                let rest = self.captured - self.refunded - self.open_refunds();
                if rest * share >= 100 {
                    self.refunds.push((rest * share / 100, "ordered"));
                }
            }
            Step::AcceptRefund => {
                if let Some(refund) = self.refunds.iter_mut().find(|it| it.1 == "ordered") {
                    refund.1 = "pending";
                }
            }
            Step::DecideRefund { succeeds } => {
                let is_open = |it: &&mut (i64, &str)| it.1 == "ordered" || it.1 == "pending";
                if let Some(refund) = self.refunds.iter_mut().find(is_open) {
                    refund.1 = if succeeds { "refunded" } else { "refused" };
                    self.refunded += if succeeds { refund.0 } else { 0 };
                }
            }
            _ => {}
        }
    }

    /// The rows that the database has about them.
    fn facts(&self) -> AmountFacts {
        let rows = |rows: &[(i64, &str)]| -> Vec<Value> {
            let row = |it: &(i64, &str)| json!({ "amount": decimal(it.0), "status": it.1 });
            rows.iter().map(row).collect()
        };
        serde_json::from_value(json!({
            "amount": decimal(self.price), "isAuthorized": self.is_authorized, "isHeld": self.is_open,
            "captures": rows(&self.captures), "refunds": rows(&self.refunds),
        }))
        .unwrap()
    }

    fn shown(&self) -> Value {
        json!({
            "authorizedAmount": decimal(if self.is_authorized { self.price } else { 0 }),
            "heldAmount": decimal(self.open + self.pending_capture()),
            "releasedAmount": decimal(self.released),
            "capturedAmount": decimal(self.captured),
            "refundedAmount": decimal(self.refunded),
            "pendingRefundAmount": decimal(self.open_refunds()),
            "keptAmount": decimal(self.captured - self.refunded),
        })
    }
}

fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn facts(json: Value) -> Vec<AmountFacts> {
    serde_json::from_value(json).unwrap()
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

proptest! {
    #[test]
    fn shown_amounts_equal_paypals_books(
        payments in proptest::collection::vec(
            (1_i64..1_000_000, proptest::collection::vec(step(), 0..20)), 0..3),
    ) {
        let mut all = Vec::new();
        for (price, steps) in payments {
            let mut books = Books { price, ..Books::default() };
            for step in steps {
                books.apply(step);
                let shown = amounts(&[books.facts()]);
                prop_assert_eq!(serde_json::to_value(shown).unwrap(), books.shown(), "{:?}", step);
            }
            all.push(books.facts());
        }
        let sum = amounts(&all);
        prop_assert_eq!(sum.authorized, sum.held + sum.released + sum.refunded + sum.kept);
    }

    /// Rows that no history explains, for example after work in SQL.
    #[test]
    fn shown_amounts_balance_for_any_rows(
        price in 1_i64..100_000,
        is_authorized in any::<bool>(),
        is_held in any::<bool>(),
        captures in proptest::collection::vec((1_i64..200_000, 0_usize..3), 0..4),
        refunds in proptest::collection::vec((1_i64..200_000, 0_usize..4), 0..4),
    ) {
        let capture = |(cents, status): (i64, usize)| json!({
            "amount": decimal(cents), "status": (["pending", "completed", "declined"][status]) });
        let refund = |(cents, status): (i64, usize)| json!({
            "amount": decimal(cents), "status": (["ordered", "pending", "refunded", "refused"][status]) });
        let sum = amounts(&facts(json!([{
            "amount": decimal(price), "isAuthorized": is_authorized, "isHeld": is_held,
            "captures": captures.into_iter().map(capture).collect::<Vec<_>>(),
            "refunds": refunds.into_iter().map(refund).collect::<Vec<_>>() }])));
        prop_assert_eq!(sum.authorized, sum.held + sum.released + sum.captured);
        prop_assert_eq!(sum.captured, sum.refunded + sum.kept);
        for part in [sum.held, sum.released, sum.refunded, sum.pending_refund, sum.kept] {
            prop_assert!(part >= Decimal::ZERO, "{:?}", sum);
        }
        prop_assert!(sum.pending_refund <= sum.kept);
    }
}

/// A pending authorization holds no money, and a denied one never did.
#[test]
fn unauthorized_payment_has_no_amounts() {
    let unauthorized = json!({ "amount": "237.60", "isAuthorized": false, "isHeld": false, "captures": [], "refunds": [] });
    assert_eq!(
        amounts(&facts(json!([unauthorized]))),
        PaymentAmounts::default()
    );
}

#[test]
fn cancellation_keeps_what_is_not_given_back() {
    let captured = |refunds: Value| {
        amounts(&facts(json!([{
            "amount": "237.60", "isAuthorized": true, "isHeld": false,
            "captures": [{ "amount": "237.60", "status": "completed" }], "refunds": refunds }])))
    };
    let half = |status: &str| json!([{ "amount": "118.80", "status": status }]);
    for (refunds, kept) in [
        (json!([]), "237.60"),
        (half("ordered"), "118.80"),
        (half("pending"), "118.80"),
        (half("refunded"), "118.80"),
        (half("refused"), "237.60"),
    ] {
        let kept_amount = kept_after_cancellation(&captured(refunds.clone()), None, None);
        assert_eq!(kept_amount, amount(kept).decimal(), "{refunds}");
    }
}

#[test]
fn cancellation_keeps_part_that_is_captured_later() {
    let held = amounts(&facts(json!([{
        "amount": "237.60", "isAuthorized": true, "isHeld": true, "captures": [], "refunds": [] }])));
    let kept = kept_after_cancellation(&held, Some(amount("118.80")), Some(amount("118.80")));
    assert_eq!(kept, amount("118.80").decimal());
    assert_eq!(kept_after_cancellation(&held, None, None), Decimal::ZERO);
}

#[test]
fn pending_capture_counts_as_kept_less_its_refund() {
    let pending = amounts(&facts(json!([{
        "amount": "237.60", "isAuthorized": true, "isHeld": false,
        "captures": [{ "amount": "237.60", "status": "pending" }], "refunds": [] }])));
    assert_eq!(pending.held, amount("237.60").decimal());
    let kept = kept_after_cancellation(&pending, None, Some(amount("118.80")));
    assert_eq!(kept, amount("118.80").decimal());
}
