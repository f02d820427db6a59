//! PayPal's console: the merchant, a buyer or PayPal itself moves money without the product.

use crate::{ledger::Ledger, world::World};
use exodrive_local::paypal::{
    ConsoleAction, DisputeOutcome, MoneyBack, PaymentStatus, ShownAs, Simulator,
};
use rust_decimal::Decimal;
use std::{sync::Arc, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Capture,
    Void,
    Refund,
    Reverse,
    Decide,
    OpenDispute,
    ResolveDispute,
}

const KINDS: [(u64, Kind); 7] = [
    (15, Kind::Capture),
    (12, Kind::Void),
    (25, Kind::Refund),
    (13, Kind::Reverse),
    (15, Kind::Decide),
    (12, Kind::OpenDispute),
    (8, Kind::ResolveDispute),
];

pub(crate) async fn run(world: Arc<World>, simulator: Simulator, min_minutes: u64) {
    while world.is_active() {
        let minutes = world.state().random.between(min_minutes, 12 * min_minutes);
        world.sleep(Duration::from_secs(60 * minutes)).await;
        if world.is_active() {
            act_once(&world, &simulator);
        }
    }
}

/// Takes one action, if any is possible.
pub(crate) fn act_once(world: &World, simulator: &Simulator) {
    if let Some(action) = choose(world) {
        act(world, simulator, &action);
    }
}

/// Decides about everything that PayPal reviews and has no decision planned for, and resolves all
/// disputes.
pub(crate) fn decide_all(world: &World, simulator: &Simulator) {
    let mut state = world.state();
    let ledger = state.checks.ledger.clone();
    let mut actions: Vec<ConsoleAction> = Vec::new();
    for id in ledger.undecided() {
        let is_good = state.random.chance(500);
        actions.push(decide(&id, ledger.end_of_review(&id, is_good)));
    }
    for dispute in ledger.open_disputes() {
        actions.push(ConsoleAction::ResolveDispute {
            dispute,
            outcome: DisputeOutcome::ResolvedSellerFavour,
            money: None,
        });
    }
    drop(state);
    for action in actions {
        act(world, simulator, &action);
    }
}

fn decide(id: &str, status: PaymentStatus) -> ConsoleAction {
    ConsoleAction::Decide {
        id: id.to_owned(),
        status,
    }
}

fn act(world: &World, simulator: &Simulator, action: &ConsoleAction) {
    let result = simulator.console(action);
    let mut state = world.state();
    state.note(&format!(
        "console: {action:?}: {}",
        match &result {
            Ok(resource) => resource["status"].as_str().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        }
    ));
    let Ok(resource) = result else {
        return;
    };
    let changed = match action {
        ConsoleAction::Void { authorization } => Some(authorization.as_str()),
        ConsoleAction::Capture { .. } | ConsoleAction::Refund { .. } => resource["id"].as_str(),
        _ => None,
    };
    if let Some(id) = changed {
        state.checks.record_console_change(id);
    }
    if matches!(action, ConsoleAction::Capture { .. }) {
        let id = resource["id"].as_str().unwrap_or_default();
        state.history.name("capture", id);
    }
    state.checks.record_ledger(Ledger::read(simulator));
}

fn choose(world: &World) -> Option<ConsoleAction> {
    let mut state = world.state();
    let kind = state.random.weighted(&KINDS);
    let ledger = state.checks.ledger.clone();
    let random = &mut state.random;
    let mut pick = |ids: Vec<String>| {
        let end = u64::try_from(ids.len()).unwrap();
        (end > 0).then(|| ids[usize::try_from(random.below(end)).unwrap()].clone())
    };
    let open = || {
        let authorizations = ledger.authorizations.values();
        let open = authorizations.filter(|it| it.reserves_money() && !it.is_pending());
        open.map(|it| it.id.clone()).collect()
    };
    let taken = || {
        let captures = ledger.captures.values();
        let taken =
            captures.filter(|it| it.taken > it.given_back && !awaits_refund(&ledger, &it.id));
        taken.map(|it| it.id.clone()).collect()
    };
    let subject = match kind {
        Kind::Capture | Kind::Void => pick(open())?,
        Kind::Refund | Kind::Reverse | Kind::OpenDispute => pick(taken())?,
        Kind::Decide => pick(ledger.undecided())?,
        Kind::ResolveDispute => pick(resolvable(&ledger))?,
    };
    let part = random
        .chance(600)
        .then(|| Decimal::from(1 + random.below(30)));
    let is_sure = random.chance(500);
    let draw = random.below(4);
    // PayPal shows no amount of an unlisted reversal. Beside a refund, nobody could see a part.
    let has_refunds = |capture: &str| ledger.refunds_of(capture).next().is_some();
    Some(match kind {
        Kind::Capture => ConsoleAction::Capture {
            authorization: subject,
            amount: part,
            is_final: is_sure,
        },
        Kind::Void => ConsoleAction::Void {
            authorization: subject,
        },
        Kind::Refund => ConsoleAction::Refund {
            capture: subject,
            amount: part,
        },
        Kind::Reverse => ConsoleAction::Reverse {
            listed: is_sure || has_refunds(&subject),
            capture: subject,
            amount: part,
        },
        Kind::Decide => decide(&subject, ledger.end_of_review(&subject, is_sure)),
        Kind::OpenDispute => ConsoleAction::OpenDispute {
            capture: subject,
            amount: part,
            reason: None,
            shown_as: match draw {
                0 => ShownAs::PartiallyRefunded,
                1 => ShownAs::Pending,
                _ => ShownAs::Unchanged,
            },
        },
        Kind::ResolveDispute => {
            let is_refunded = has_refunds(&ledger.disputes[&subject].capture_id);
            resolve(subject, draw, is_refunded)
        }
    })
}

fn resolvable(ledger: &Ledger) -> Vec<String> {
    let mut disputes = ledger.open_disputes();
    disputes.retain(|id| !awaits_refund(ledger, &ledger.disputes[id].capture_id));
    disputes
}

/// Whether a refund of the capture is pending. PayPal never gives back more than it took.
fn awaits_refund(ledger: &Ledger, capture: &str) -> bool {
    let mut refunds = ledger.refunds_of(capture);
    refunds.any(|refund| refund.status == "PENDING")
}

fn resolve(dispute: String, draw: u64, is_refunded: bool) -> ConsoleAction {
    let outcome = match draw {
        0 => DisputeOutcome::ResolvedWithPayout,
        1 => DisputeOutcome::ResolvedSellerFavour,
        _ => DisputeOutcome::ResolvedBuyerFavour,
    };
    let money = match draw {
        2 if is_refunded => Some(MoneyBack::ReversedAndListed),
        3 => Some(MoneyBack::Refunded),
        _ => None,
    };
    ConsoleAction::ResolveDispute {
        dispute,
        outcome,
        money,
    }
}
