//! A customer, who reads the availability, creates a hold and an order, approves and authorizes.
//! Some customers are slow, some repeat a step and some leave early.

use super::{
    client::{ApiRequest, ApiResponse, Client},
    plan::{Dropout, Plan, StatedPrice},
    reader,
};
use crate::{checks::Promise, world::World};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

struct Customer {
    client: Client,
    plan: Plan,
    number: u64,
}

/// The customer's access to a booking.
#[derive(Clone)]
struct BookingAccess {
    id: String,
    token: Option<String>,
}

pub(crate) async fn run(world: Arc<World>, number: u64, plan: Plan) {
    let client = Client::new(&world, format!("192.0.2.{number}"));
    let customer = Arc::new(Customer {
        client,
        plan,
        number,
    });
    customer.rent().await;
}

impl Customer {
    /// Goes through the whole rental. Every step returns `None` when the customer stops.
    async fn rent(self: &Arc<Self>) -> Option<()> {
        let [before, ordering, approving, authorizing] = self.plan.pauses;
        self.client.wait(before).await;
        if self.client.world.is_settling() {
            return None;
        }
        let shown_price = self.read_price().await;
        let booking = if self.plan.uses_shop {
            None
        } else {
            Some(self.hold(shown_price.as_ref()).await?)
        };
        self.continue_after(Dropout::AfterHold)?;
        if let Some(booking) = booking.clone().filter(|_| self.plan.cancels_meanwhile) {
            self.cancel_in_another_tab(booking);
        }

        self.client.wait(ordering).await;
        let order = self.order(booking.as_ref(), self.plan.script).await?;
        self.continue_after(Dropout::AfterOrder)?;

        self.client.wait(approving).await;
        if !self.client.approve(&order.text("approveUrl")).await {
            return None;
        }
        self.continue_after(Dropout::AfterApproval)?;

        self.client.wait(authorizing).await;
        let authorization = self.authorize(&order).await?;
        if authorization.code() == "payment_mismatch" {
            // The problem asks for a new order, which PayPal authorizes correctly.
            let order = self.order(booking.as_ref(), "").await?;
            self.client.approve(&order.text("approveUrl")).await;
            self.authorize(&order).await?;
        }
        let booking = booking.filter(|booking| booking.token.is_some())?;
        self.read(&booking).await?;
        if let Some(pause) = self.plan.cancels_after {
            self.client.wait(pause).await;
            self.cancel(&booking).await?;
        }
        Some(())
    }

    /// Cancels in one tab while the customer pays in another.
    fn cancel_in_another_tab(self: &Arc<Self>, booking: BookingAccess) {
        let customer = Arc::clone(self);
        let name = format!("customer-{} in another tab", self.number);
        let work = async move {
            let seconds = customer.client.random_below(120);
            customer.client.wait(Duration::from_secs(seconds)).await;
            customer.cancel(&booking).await;
        };
        self.client.world.start(name, None, Box::pin(work));
    }

    fn continue_after(&self, stage: Dropout) -> Option<()> {
        (self.plan.dropout > stage).then_some(())
    }

    /// Reads the price of the days. `None` if the days are not free or the response is missing.
    async fn read_price(&self) -> Option<Value> {
        let response = reader::read_days(
            &self.client,
            self.plan.car,
            &self.plan.car_name(),
            (self.plan.start, self.plan.end),
        )
        .await?;
        let price = &response.body["quote"]["finalPrice"];
        price.is_string().then(|| price.clone())
    }

    /// The members that all requests for this rental share.
    fn rental(&self) -> Value {
        json!({
            "carId": self.plan.car_name(),
            "startDate": self.plan.start.to_string(),
            "endDate": self.plan.end.to_string(),
        })
    }

    async fn hold(&self, shown_price: Option<&Value>) -> Option<BookingAccess> {
        let mut body = self.rental();
        body["customer"] = json!({
            "fullName": format!("Customer {}", self.number),
            "email": format!("customer-{}@example.com", self.number),
        });
        match (self.plan.stated_price, shown_price) {
            (StatedPrice::TooLow, _) => {
                body["totalPrice"] = "1.00".into();
                let response = self
                    .send(ApiRequest::post("/api/bookings", body.clone()))
                    .await?;
                if response.is_ok() {
                    self.report(&format!("a booking was made for 1.00: {}", response.body));
                }
                body["totalPrice"] = Value::Null;
            }
            (StatedPrice::Shown, Some(price)) => body["totalPrice"] = price.clone(),
            _ => {}
        }
        let key = format!("hold-of-customer-{}", self.number);
        let request = ApiRequest::post("/api/bookings", body).header("idempotency-key", key);
        let response = self.send(request).await?;
        if !response.is_ok() {
            return None;
        }
        let booking = BookingAccess {
            id: response.text("bookingId"),
            token: Some(response.text("bookingToken")),
        };
        let price = response.body["price"]["finalPrice"].as_str().unwrap();
        self.record(Promise::Hold {
            booking: booking.id.parse().unwrap(),
            price: price.parse().unwrap(),
        });
        Some(booking)
    }

    async fn order(&self, booking: Option<&BookingAccess>, script: &str) -> Option<ApiResponse> {
        let mut body = self.rental();
        body["bookingId"] = match booking {
            Some(booking) => booking.id.clone().into(),
            None => format!("shop-{}", self.number).into(),
        };
        if !script.is_empty() {
            body["description"] = format!("A car. {script}").into();
        }
        let request = ApiRequest::post("/api/bookings/create-paypal-order", body);
        let response = self.send(request).await?;
        response.is_ok().then_some(response)
    }

    async fn authorize(&self, order: &ApiResponse) -> Option<ApiResponse> {
        let body = json!({ "orderID": order.text("orderID") });
        let request = ApiRequest::post("/api/bookings/authorize-paypal-order", body);
        let response = self.send(request).await?;
        match (response.status, response.code()) {
            (200, _) => self.record(Promise::Payment {
                booking: response.text("bookingId").parse().unwrap(),
            }),
            (_, "order_not_found") => {
                self.report(&format!(
                    "the product created {} and does not find it",
                    order.text("orderID")
                ));
            }
            _ => {}
        }
        Some(response)
    }

    async fn read(&self, booking: &BookingAccess) -> Option<()> {
        let request = ApiRequest::get(format!("/api/bookings/{}", booking.id));
        let response = self.send(request.bearer(booking.token.as_deref()?)).await?;
        if response.status != 200 {
            self.report(&format!("reading the booking returned {}", response.body));
        }
        Some(())
    }

    async fn cancel(&self, booking: &BookingAccess) -> Option<()> {
        let path = format!("/api/bookings/{}/cancel", booking.id);
        let request = ApiRequest::post(path, json!({ "reason": "Other plans." }))
            .bearer(booking.token.as_deref()?);
        let first = self.send(request.clone()).await?;
        if !first.is_ok() {
            return None;
        }
        let refund = |response: &ApiResponse| {
            let refund = &response.body["refund"];
            (refund["percent"].clone(), refund["amount"].clone())
        };
        let (_, amount) = refund(&first);
        self.record(Promise::Cancellation {
            booking: booking.id.parse().unwrap(),
            refund: decimal(&amount),
        });
        let again = self.send(request).await?;
        // PayPal may refuse the capture of the part that is kept. Then all of it is released.
        let is_released = again.body["refund"]["status"] == "voided"
            && refund(&first).0 == refund(&again).0
            && decimal(&refund(&first).1) <= decimal(&refund(&again).1);
        if refund(&first) != refund(&again) && !is_released {
            self.report(&format!(
                "a cancellation returned {} and then {}",
                first.body, again.body
            ));
        }
        Some(())
    }

    async fn send(&self, request: ApiRequest) -> Option<ApiResponse> {
        self.client.send_with_retries(&request).await
    }

    fn record(&self, promise: Promise) {
        self.client.world.state().checks.promises.push(promise);
    }

    fn report(&self, violation: &str) {
        let text = format!("customer-{}: {violation}", self.number);
        self.client.world.state().checks.report(text);
    }
}

fn decimal(amount: &Value) -> Decimal {
    amount.as_str().unwrap().parse().unwrap()
}
